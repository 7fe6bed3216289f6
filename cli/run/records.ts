import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, cpus, platform, release, totalmem } from 'node:os'
import { z } from 'zod'
import type { Experiment } from '../../learner/experiment.ts'
import type { RunSummary } from '../../learner/observer.ts'
import { MillraceError } from '../../shared/errors.ts'
import { PolicySpec } from '../../shared/policy/spec.ts'
import { packageManifest } from '../load/libraryEntries.ts'
import { diskError } from './disk.ts'
import { RUN_FILES, type RunFolder } from './runFolder.ts'
import { join } from 'node:path'

/** What a run was made with. */
export interface Versions {
  readonly millrace: string
  readonly node: string
  readonly onnxruntime: string
}

export function installedVersions(): Versions {
  return {
    millrace: packageManifest().version,
    node: process.versions.node,
    onnxruntime: dependencyVersion('onnxruntime-node'),
  }
}

function dependencyVersion(name: string): string {
  try {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
  } catch {
    return 'unknown' // a package may hide its package.json; that is no reason not to train
  }
}

export interface ConfigSource {
  readonly run: string
  readonly experiment: Experiment
  /** The env's id. */
  readonly env: string
  readonly file: string
  readonly startedAt: number
  readonly versions: Versions
}

/** `config.json`: the experiment with every default and override filled in, and all that is needed to say where it ran. */
export function configRecord({ run, experiment, env, file, startedAt, versions }: ConfigSource) {
  const { algorithm, ...settings } = experiment
  return {
    format: 1,
    run,
    startedAt: new Date(startedAt).toISOString(),
    seed: experiment.seed,
    experiment: { ...settings, env, algorithm: { name: algorithm.name, config: algorithm.config } },
    file,
    versions,
    platform: {
      os: `${platform()} ${release()}`,
      arch: arch(),
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
    },
  }
}

/** `policy.json`: what `policy.onnx` takes and gives, and the env it was trained in. */
export const PolicyRecord = z.strictObject({
  format: z.literal(1),
  run: z.string(),
  policyVersion: z.number().int().min(0),
  sha256: z.string().length(64),
  spec: PolicySpec,
  env: z.strictObject({
    id: z.string(),
    config: z.record(z.string(), z.json()),
    /** Defined in the experiment file; its code is in `experiment.mjs`. */
    own: z.boolean(),
  }),
})
export type PolicyRecord = z.infer<typeof PolicyRecord>

interface Result {
  readonly summary: RunSummary
  readonly policy: Uint8Array
  readonly spec: PolicySpec
}

/**
 * Writes what a run came to. `policy.json` names the hash of `policy.onnx`, so that a mix of two runs would be seen.
 *
 * @throws MillraceError E_DISK
 */
export async function writeResult(
  folder: RunFolder,
  { summary, policy, spec }: Result,
  { env, experiment, ownEnv }: { readonly env: string; readonly experiment: Experiment; readonly ownEnv: boolean },
): Promise<void> {
  const record: PolicyRecord = {
    format: 1,
    run: summary.run,
    policyVersion: summary.progress.policyVersion,
    sha256: createHash('sha256').update(policy).digest('hex'),
    spec,
    env: { id: env, config: experiment.envConfig, own: ownEnv },
  }
  const { curve, ...rest } = summary
  const goal = experiment.stop.meanReturn
  await folder.write(RUN_FILES.policy, policy)
  await folder.writeJson(RUN_FILES.policySpec, record)
  await folder.write(
    RUN_FILES.curve,
    ['env_steps,mean_return', ...curve.map((point) => point.join(','))].join('\n') + '\n',
  )
  await folder.writeJson(RUN_FILES.summary, {
    format: 1,
    goal: goal ?? null,
    goalReached: summary.reason === 'meanReturn',
    ...rest,
  })
}

/**
 * The policy of a run folder.
 *
 * @throws MillraceError E_DISK when the folder has none, or its files do not belong together
 */
export function readPolicy(folder: string): { readonly record: PolicyRecord; readonly model: Uint8Array } {
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name))
    } catch (error) {
      throw diskError(error, 'read', join(folder, name))
    }
  }
  const broken = (why: string) => new MillraceError('E_DISK', `${join(folder, RUN_FILES.policySpec)} ${why}`)
  const text = read(RUN_FILES.policySpec).toString('utf8')
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    throw broken('is not JSON')
  }
  const parsed = PolicyRecord.safeParse(data)
  if (!parsed.success) throw broken('is not the description of a policy')
  const model = read(RUN_FILES.policy)
  if (createHash('sha256').update(model).digest('hex') !== parsed.data.sha256)
    throw broken(`is not about the ${RUN_FILES.policy} beside it`)
  return { record: parsed.data, model }
}
