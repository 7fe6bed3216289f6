import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSettings } from '../../../cli/loadSettings.ts'
import type { Stage } from '../../../cli/stage/stage.ts'
import type { StageDescription } from '../../../shared/protocol/stage.ts'
import { memoryStore } from '../../fakes/memoryStore.ts'
import { stageOf } from '../../fakes/stageDescription.ts'

export const description: StageDescription = stageOf({
  app: 'my-app',
  millrace: '1.0.0',
  bucket: 'my-app-demo',
  rolloutFunction: 'my-app-demo-rollout',
  evaluateFunction: 'my-app-demo-evaluate',
  learner: { kind: 'gpu', autoScalingGroup: 'my-app-demo-learner', instanceTypes: ['g6.xlarge'] },
  deadMan: { group: 'my-app-demo', schedules: ['functions', 'learner'], afterSeconds: 900 },
  logGroups: { rollout: '/aws/lambda/my-app-demo-rollout', evaluate: '/aws/lambda/my-app-demo-evaluate' },
})

/** A project whose SST is a shell script; what it was called with, and where, goes to a file. */
export function projectWithSst(script: string) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  writeFileSync(join(folder, 'millrace.settings.ts'), `export default { app: 'my-app', region: 'eu-west-1' }`)
  mkdirSync(join(folder, 'node_modules/sst'), { recursive: true })
  writeFileSync(join(folder, 'node_modules/sst/package.json'), JSON.stringify({ name: 'sst', version: '4.17.1' }))
  const platform = join(folder, `node_modules/sst-${process.platform}-${process.arch}`)
  mkdirSync(join(platform, 'bin'), { recursive: true })
  writeFileSync(join(platform, 'package.json'), '{}')
  const program = join(platform, 'bin/sst')
  writeFileSync(program, `#!/bin/sh\necho "$PWD $*" >>'${join(folder, 'calls')}'\n${script}\n`)
  chmodSync(program, 0o755)
  return {
    folder,
    calls: () =>
      existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n') : [],
    loadSettings: (cwd: string) => loadSettings(cwd, { entries: new Map() }),
  }
}

/** A stage in memory that keeps what was asked of it. */
export function memoryStage(changes: Partial<Stage> = {}) {
  const asked: string[] = []
  const stage: Stage = {
    description,
    store: memoryStore(),
    group: {
      size: async () => ({ desired: 0, running: 0 }),
      set: async (desired) => void asked.push(`group ${desired}`),
    },
    concurrency: { get: async () => 10, set: async (limit) => void asked.push(`concurrency ${limit}`) },
    deadMan: { arm: async () => void asked.push('arm'), disarm: async () => void asked.push('disarm') },
    deadLetters: async () => 0,
    ...changes,
  }
  return { stage, asked }
}
