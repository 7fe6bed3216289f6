import { describe, expect, test } from 'vitest'
import { type LogsOptions, logsCommand } from '../../../cli/commands/logs.ts'
import type { LogLine, LogQuery } from '../../../shared/cloud/control/index.ts'
import type { MillraceError } from '../../../shared/errors.ts'
import { FakeHost } from '../fakeHost.ts'
import { START, fakeStage } from './fakeStage.ts'

const LINES: readonly LogLine[] = [
  { group: '/learner', stream: 'i-1', at: START, text: 'run a begun' },
  {
    group: '/rollout',
    stream: '2026/11/21/[$LATEST]0123456789abcdef',
    at: START + 1000,
    text: 'REPORT\tone\n\x1b[31mtwo\n',
  },
]

async function logs(options: Partial<LogsOptions> = {}, { stage = fakeStage(), lines = LINES } = {}) {
  const host = new FakeHost('/work')
  const queries: LogQuery[] = []
  async function* logLines(query: LogQuery) {
    queries.push(query)
    yield* lines
    if (query.follow) host.signal('SIGINT')
    if (query.follow) yield { group: '/learner', stream: 'i-1', at: START, text: 'too late' }
  }
  const all: LogsOptions = { stage: 'demo', of: 'all', sinceMs: 600_000, follow: false, ...options }
  const outcome = await logsCommand(all, host, { openStage: stage.open, logLines }).then(
    (exitCode) => ({ exitCode, error: undefined }),
    (error: unknown) => ({ exitCode: undefined, error: error as MillraceError }),
  )
  expect(host.openHandles).toBe(0)
  return { ...outcome, queries, text: host.out.text, err: host.err.text }
}

describe('millrace logs', () => {
  test('each line has its time and source, and no control character gets through to the terminal', async () => {
    const { exitCode, text, queries } = await logs()
    expect(exitCode).toBe(0)
    expect(text).toBe(
      [
        '09:00:00 learner         | run a begun',
        '09:00:01 rollout abcdef  | REPORT  one',
        '09:00:01 rollout abcdef  | two',
        '',
      ].join('\n'),
    )
    expect(queries).toMatchObject([{ groups: ['/learner', '/rollout', '/evaluate'], sinceMs: 600_000, follow: false }])
  })

  test('--of asks for one log; Ctrl-C ends --follow with 130', async () => {
    expect((await logs({ of: 'rollout' })).queries).toMatchObject([{ groups: ['/rollout'] }])
    const { exitCode, text } = await logs({ follow: true })
    expect(exitCode).toBe(130)
    expect(text).not.toContain('too late')
  })

  test('a learner that runs anywhere has no log; no lines at all are explained', async () => {
    const stage = fakeStage({ kind: 'anywhere' })
    expect((await logs({ of: 'learner' }, { stage })).error?.message).toMatch(/writes to its own terminal/)
    expect((await logs({}, { stage })).queries).toMatchObject([{ groups: ['/rollout', '/evaluate'] }])
    expect((await logs({}, { lines: [] })).err).toMatch(/nothing was written in that time/)
  })
})
