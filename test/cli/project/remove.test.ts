import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { removeCommand, type RemoveParts } from '../../../cli/commands/remove.ts'
import { findProject } from '../../../cli/loadSettings.ts'
import { runSst } from '../../../cli/project/sst.ts'
import { encodeRecord } from '../../../cli/stage/runRecords.ts'
import type { LearnerClaim } from '../../../learner/stage/records.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { systemClock } from '../../../shared/cloud/clock.ts'
import { FakeHost } from '../fakeHost.ts'
import { memoryStage, projectWithSst } from './projects.ts'

let project: ReturnType<typeof projectWithSst>
beforeEach(() => {
  project = projectWithSst('exit 0')
})
afterEach(() => rmSync(project.folder, { recursive: true }))

/** The stages with a description: before sst ran, and after. */
function parts(stage: ReturnType<typeof memoryStage>['stage'], [before, after]: [string[], string[]]): RemoveParts {
  return {
    findProject,
    loadSettings: project.loadSettings,
    openStage: async () => stage,
    runSst,
    listStages: async () => (project.calls().length === 0 ? before : after),
    clock: systemClock,
  }
}

const host = () => new FakeHost(project.folder, { env: process.env })
const remove = (at: FakeHost, given: RemoveParts) => removeCommand({ stage: 'demo' }, at, given)

describe('millrace remove', () => {
  test('sets the learner to none, runs sst, and sees that the description is gone', async () => {
    const { stage, asked } = memoryStage()
    const at = host()
    expect(await remove(at, parts(stage, [['demo', 'other'], ['other']]))).toBe(0)
    expect(asked).toEqual(['group 0'])
    expect(project.calls()).toEqual([`${project.folder} remove --stage demo`])
    expect(at.out.text).toContain('stage demo is removed')
    for (const left of ['sst-asset-…', 'sst-state-…', '/sst/bootstrap', '/sst/passphrase/my-app/demo'])
      expect(at.out.text).toContain(left)
  })

  test('is refused while a run waits, or a learner is working on one', async () => {
    const { stage, asked } = memoryStage()
    await stage.store.put(keys.request('run-1'), encodeRecord({}))
    const refusal = {
      code: 'E_RUN',
      message:
        'run run-1 is waiting or under way on stage demo; millrace stop --stage demo ends it, then remove the stage',
    }
    await expect(remove(host(), parts(stage, [['demo'], []]))).rejects.toMatchObject(refusal)
    await stage.store.delete([keys.request('run-1')])
    const claim: LearnerClaim = {
      format: 1,
      learner: 'a',
      host: 'there',
      startedAt: 1,
      heartbeatUntil: Date.now() + 60_000,
      run: 'run-1',
    }
    await stage.store.put(keys.claim, encodeRecord(claim))
    await expect(remove(host(), parts(stage, [['demo'], []]))).rejects.toMatchObject(refusal)
    await stage.store.put(keys.claim, encodeRecord({ ...claim, heartbeatUntil: 1 }))
    expect(project.calls()).toEqual([])
    expect(asked).toEqual([])
    expect(await remove(host(), parts(stage, [['demo'], []]))).toBe(0)
  })

  test('a stage that was deployed half-way, and has no description, is removed too', async () => {
    const { stage, asked } = memoryStage()
    const at = host()
    expect(await remove(at, parts(stage, [[], []]))).toBe(0)
    expect(at.out.text).toContain('stage demo of my-app has no description in eu-west-1; removing what SST knows of it')
    expect(asked).toEqual([])
  })

  test('a description that is still there afterwards is an error', async () => {
    const { stage } = memoryStage()
    await expect(remove(host(), parts(stage, [['demo'], ['demo']]))).rejects.toMatchObject({ code: 'E_DEPLOY' })
  })
})
