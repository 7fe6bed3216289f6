import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type StatusOptions, statusCommand } from '../../../cli/commands/status.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import type { MillraceError } from '../../../shared/errors.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { FakeHost } from '../fakeHost.ts'
import { type FakeStage, START, fakeStage, runningStatus } from './fakeStage.ts'
import { endAtLearner } from './results.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'millrace-test-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

async function status(stage: FakeStage, options: Partial<StatusOptions> = {}) {
  const host = new FakeHost(cwd)
  const all: StatusOptions = { stage: 'demo', follow: false, json: false, ...options }
  const outcome = await statusCommand(all, host, { openStage: stage.open, clock: stage.clock }).then(
    (exitCode) => ({ exitCode, error: undefined }),
    (error: unknown) => ({ exitCode: undefined, error: error as MillraceError }),
  )
  expect(host.openHandles).toBe(0)
  return { ...outcome, lines: host.out.text.split('\n').slice(0, -1) }
}

/** One run in each state, asked for a minute apart. */
async function busyStage(): Promise<FakeStage> {
  const stage = fakeStage()
  const minute = () => stage.clock.advance(60_000)
  await stage.asked('failed-run', {
    ...runningStatus('failed-run', 3),
    state: 'failed',
    error: { code: 'E_ENV_STEP', message: 'the env broke' },
    requestedAt: stage.clock.now(),
  })
  await minute()
  await stage.asked('good-run', { requestedAt: stage.clock.now() })
  await endAtLearner(stage, 'good-run')
  await minute()
  await stage.asked('lost-run', { ...runningStatus('lost-run', 3), requestedAt: stage.clock.now() })
  await minute()
  const now = stage.clock.now()
  const alive = { at: now, heartbeatUntil: now + 15_000, requestedAt: now }
  await stage.asked('live-run', { ...runningStatus('live-run', 30), ...alive })
  await stage.asked('next-run', { requestedAt: now + 1 })
  await stage.claim({ run: 'live-run', startedAt: START })
  return stage
}

describe('millrace status', () => {
  test('lists the runs newest first, with a word for their state, the learner and dead letters below', async () => {
    const stage = await busyStage()
    stage.state.deadLetters = 2
    const { exitCode, lines } = await status(stage)
    expect(exitCode).toBe(0)
    expect(lines.slice(0, -3).map((line) => line.split(/ {2,}/))).toEqual([
      ['run', 'state', 'env steps', 'mean return', 'cost', 'age'],
      ['next-run', 'waiting', '-', '-', '-', '0.0 s'],
      ['live-run', 'running', '76,800', '365', '$0.0030', '0.0 s'],
      ['lost-run', 'lost', '7,680', '54.5', '$0.0003', '1:00'],
      ['good-run', 'ended at goal', '102,400', '480', '$0.0040', '3:00'],
      ['failed-run', 'failed', '7,680', '54.5', '$0.0003', '3:00'],
    ])
    expect(lines.slice(-3)).toEqual([
      '',
      'learner: up on gpu-1 for 3:00, working on live-run',
      '2 messages in the dead-letter queue',
    ])
  })

  test('the newest twenty only: a stage with thousands of runs costs no more requests', async () => {
    const stage = fakeStage()
    for (let i = 0; i < 25; i++) await stage.asked(`run-${i}`, { state: 'ended', requestedAt: START + i })
    const before = stage.store.requests.get
    const { lines } = await status(stage)
    expect(stage.store.requests.get - before).toBe(21)
    expect(lines[1]).toMatch(/^run-24 /)
    expect(lines).toContain('and 5 older')
    expect(lines.at(-1)).toBe('learner: none, and none asked for')
  })

  test('a run that another version wrote is unreadable in its row, and spoils no other; so is a claim', async () => {
    const stage = await busyStage()
    await stage.put(keys.status('next-run'), { format: 2, run: 'next-run' })
    await stage.put(keys.claim, { format: 2 })
    const { exitCode, lines } = await status(stage)
    expect(exitCode).toBe(0)
    expect(lines.slice(1, 3).map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
      ['next-run', 'unreadable', '-'],
      ['live-run', 'running', '76,800'],
    ])
    expect(lines).toContain('unreadable: written by another version')
    expect(lines.at(-1)).toBe('learner: none, and none asked for')
    const { runs } = JSON.parse((await status(stage, { json: true })).lines.join('\n')) as { runs: object[] }
    expect(runs.slice(0, 2)).toMatchObject([{ run: 'next-run', word: 'unreadable' }, { word: 'running' }])
  })

  test('--follow without a name passes over a run that another version wrote', async () => {
    const stage = fakeStage()
    await stage.asked('odd-run')
    await stage.put(keys.status('odd-run'), { format: 2 })
    await stage.asked('fine-run', runningStatus('fine-run', 3))
    await endAtLearner(stage, 'fine-run')
    await stage.put(keys.request('fine-run'), {})
    expect((await status(stage, { follow: true })).lines.at(-1)).toContain('millrace evaluate runs/fine-run')
  })

  test('a stage without runs says so; one that waits for a learner anywhere says what to type', async () => {
    expect((await status(fakeStage())).lines[0]).toBe('no runs on stage demo yet')
    const stage = fakeStage({ kind: 'anywhere' })
    await stage.asked('a')
    expect((await status(stage)).lines.at(-1)).toBe('learner: none; start one: npx millrace learner --stage demo')
  })

  test('one run in full, its newest events and what to type next', async () => {
    const stage = await busyStage()
    const { lines } = await status(stage, { run: 'failed-run' })
    expect(lines[0]).toBe('failed-run')
    expect(lines).toContain('  error        E_ENV_STEP: the env broke')
    expect(lines).toContain('  bring it     npx millrace status --stage demo failed-run --follow')
    expect((await status(stage, { run: 'live-run' })).lines).toContain('  mean return  365 of 475')
  })

  test('a run whose request is gone is not shown as if somebody would go on with it', async () => {
    const stage = await busyStage()
    await stage.store.delete([keys.request('lost-run'), keys.request('next-run'), keys.request('live-run')])
    const { lines } = await status(stage)
    const words = lines.slice(1, 4).map((line) => line.split(/ {2,}/).slice(0, 2))
    expect(words).toEqual([
      ['next-run', 'stopped'],
      ['live-run', 'running'],
      ['lost-run', 'stopped'],
    ])
  })

  test('--json gives the records themselves, and whether a run is lost', async () => {
    const stage = await busyStage()
    const all = JSON.parse((await status(stage, { json: true })).lines.join('\n')) as Record<string, unknown>
    expect(all).toMatchObject({
      stage: 'demo',
      learner: { desired: 0, running: 0, claim: { host: 'gpu-1' } },
      deadLetters: 0,
      runs: [{ run: 'next-run' }, { word: 'running' }, { word: 'lost', lost: true }, {}, {}],
    })
    const one = JSON.parse((await status(stage, { json: true, run: 'lost-run' })).lines.join('\n')) as object
    expect(one).toMatchObject({ run: 'lost-run', lost: true, progress: { updates: 3 } })
  })

  test('--follow brings a run that is over, finds its folder again, and never overwrites another', async () => {
    const stage = await busyStage()
    const first = await status(stage, { run: 'good-run', follow: true })
    expect(first.exitCode).toBe(0)
    expect(first.lines.at(-1)).toContain('millrace evaluate runs/good-run')
    expect((await status(stage, { run: 'good-run', follow: true })).exitCode).toBe(0)
    expect(readdirSync(join(cwd, 'runs'))).toEqual(['good-run'])
    const other = await status(stage, { run: 'good-run', follow: true, out: 'runs/good-run' })
    expect(other.error?.code).toBe('E_RUN_FOLDER')
  })

  test('a folder of another run is not taken for this one, however alike the names', async () => {
    const stage = await busyStage()
    mkdirSync(join(cwd, 'runs/good-run'), { recursive: true })
    writeFileSync(join(cwd, 'runs/good-run/summary.json'), JSON.stringify({ run: 'good-run.2' }))
    expect((await status(stage, { run: 'good-run', follow: true })).exitCode).toBe(0)
    expect(readdirSync(join(cwd, 'runs'))).toEqual(['good-run', 'good-run-2'])
  })

  test('a result that is not what its learner wrote is refused by name, and leaves no folder', async () => {
    const stage = fakeStage()
    await stage.asked('good-run')
    const ended = await endAtLearner(stage, 'good-run')
    const names = ['config.json', 'policy.onnx', 'policy.json', 'curve.csv', 'summary.json']
    const bodies = names.map((name) => stage.store.objects.get(keys.result('good-run', name))!.body)
    const files = Object.fromEntries(names.map((name, i) => [name, sha256Hex(bodies[i]!)]))
    await stage.writeStatus({ ...ended, files })
    for (const [i, name] of names.entries()) {
      const altered = Uint8Array.from(bodies[i]!)
      altered[altered.length >> 1]! ^= 1
      await stage.store.put(keys.result('good-run', name), altered)
      const { error } = await status(stage, { follow: true, run: 'good-run' })
      expect(error).toMatchObject({
        code: 'E_RUN',
        message: expect.stringContaining(`${name} of run 'good-run' was damaged`),
      })
      expect(readdirSync(cwd).flatMap((folder) => readdirSync(join(cwd, folder)))).toEqual([])
      await stage.store.put(keys.result('good-run', name), bodies[i]!)
    }
    expect((await status(stage, { follow: true, run: 'good-run' })).exitCode).toBe(0)
  })

  test.each(['../../escaped', '..', '/tmp/escaped', 'a/../../escaped', 'nul'])(
    '--follow never leaves runs/: a run that the bucket calls %j is no run',
    async (name) => {
      const stage = fakeStage()
      await stage.asked('good-run')
      const ended = await endAtLearner(stage, 'good-run')
      const record = { ...ended, run: name, summary: { ...ended.summary, run: name } }
      // Under its own key, in the list of runs and of requests; and in the place of a good one.
      for (const key of [`runs/${name}/status.json`, keys.status('good-run')]) await stage.put(key, record)
      await stage.put(`stage/runs/${'9'.repeat(15)}-${name}`, {})
      await stage.put(`stage/requests/${name}.json`, {})
      const before = readdirSync(join(cwd, '..')).filter((file) => file.includes('escaped'))
      for (const run of [name, 'good-run', undefined]) {
        const { error } = await status(stage, { follow: true, ...(run !== undefined && { run }) })
        expect(error).toMatchObject({ code: 'E_RUN' })
      }
      const { lines } = await status(stage)
      expect(lines.join('\n')).not.toContain(name)
      expect(readdirSync(cwd)).toEqual([])
      expect(readdirSync(join(cwd, '..')).filter((file) => file.includes('escaped'))).toEqual(before)
    },
  )

  test('results that the bucket no longer has, or that do not belong together, leave no folder', async () => {
    const stage = await busyStage()
    await stage.store.put(keys.result('good-run', 'policy.onnx'), new Uint8Array([1, 2]))
    expect((await status(stage, { run: 'good-run', follow: true })).error?.code).toBe('E_RUN_FOLDER')
    await stage.store.delete([keys.result('good-run', 'policy.json')])
    const { error } = await status(stage, { run: 'good-run', follow: true })
    expect(error?.message).toBe("the policy of run 'good-run' is no longer in the bucket")
    expect(readdirSync(cwd)).toEqual([])
  })

  test('a record of another version, options that exclude each other, nothing to follow: each a sentence', async () => {
    const stage = fakeStage()
    await stage.put(keys.status('odd'), { format: 2 })
    expect((await status(stage, { run: 'odd' })).error).toMatchObject({
      code: 'E_RUN',
      message: expect.stringMatching(
        /^the record runs\/odd\/status\.json does not fit this version of Millrace: format/,
      ),
    })
    expect((await status(stage, { run: 'odd', follow: true, json: true })).error?.code).toBe('E_USAGE')
    expect((await status(stage, { out: 'x' })).error?.code).toBe('E_USAGE')
    expect((await status(stage, { follow: true })).error?.message).toMatch(
      /^no run is waiting or running on stage demo/,
    )
    expect((await status(stage, { run: 'x' })).error?.message).toBe(
      "there is no run 'x' on this stage; the stage has no runs yet",
    )
  })
})
