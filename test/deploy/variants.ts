import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { LearnerKind, StageSettingsInput } from '../../infra/aws/settings.ts'
import { type Recording, recordDeploy } from './harness.ts'

/** One of every kind, each with what the kind alone has. */
export const VARIANTS = {
  anywhere: { app: 'millrace', region: 'us-east-1', budget: { usdPerMonth: 20, email: 'someone@example.com' } },
  fargate: { app: 'millrace', region: 'us-east-1', learner: { kind: 'fargate' } },
  gpu: { app: 'millrace', region: 'us-east-1', learner: { kind: 'gpu', onDemandFallback: true } },
} as const satisfies Record<LearnerKind, StageSettingsInput>

/** Every setting of functions, and of what is kept, other than its default. */
export const OTHER = {
  app: 'other',
  region: 'eu-west-1',
  functions: { architecture: 'x86_64', memoryMb: 3008, timeoutSeconds: 60, concurrency: 7, logRetentionDays: 30 },
  keepDays: { checkpoints: 5, results: 20 },
} as const satisfies StageSettingsInput

/** The graph of some settings, deployed and removed: recorded once a test run, and kept until its end. */
export async function recorded(settings: StageSettingsInput): Promise<Omit<Recording, typeof Symbol.asyncDispose>> {
  const under = inject('recordings')
  const hash = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 16)
  const file = join(under, `${hash}.json`)
  if (existsSync(file)) return JSON.parse(await readFile(file, 'utf8')) as Recording
  const recording = await recordDeploy({ settings, remove: true, under })
  await writeFile(file, JSON.stringify(recording))
  return recording
}
