import { arch, cpus, platform, release, totalmem } from 'node:os'
import { z } from 'zod'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { PolicySpec } from '../../shared/policy/spec.ts'
import { Sha256 } from '../../shared/protocol/fields.ts'
import { JsonObject } from '../../shared/protocol/json.ts'
import { Label } from '../../shared/protocol/names.ts'
import type { Experiment } from '../experiment.ts'
import { plainSettings } from '../settings.ts'
import type { RunSummary } from './observer.ts'

/** Names of the files that a run leaves, in a folder or in the bucket; docs/cli.md says what is in each. */
export const RUN_FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  /** Lines of the metrics log that were found damaged when the run was resumed; only where there were any. */
  damagedMetrics: 'metrics.damaged',
  policy: 'policy.onnx',
  policySpec: 'policy.json',
  /** A user's own env as a self-contained module, so that the policy can be evaluated without the experiment file. */
  envCode: 'experiment.mjs',
  summary: 'summary.json',
  curve: 'curve.csv',
  /** Every event of the run, one a line; only where there was one. */
  events: 'events.log',
  /** What envs wrote to stdout and stderr; only where they did. */
  output: 'output.log',
  /** Where a run under way stands, written every second; gone when it ended by itself. */
  progress: 'progress.json',
  /** What was injected and what became of every fragment; only where faults are on. */
  faults: 'faults.json',
  /** A folder: what an interrupted run goes on from. */
  checkpoints: 'checkpoints',
  /** A folder: the batches of updates that diverged; only where one did. */
  diverged: 'diverged',
} as const

/** Under `diverged`, the batch of an update. */
export const divergedFile = (update: number): string => `update-${update}.safetensors`

/** What a run was made with. */
export interface Versions {
  readonly millrace: string
  readonly node: string
  readonly onnxruntime: string
}

export interface ConfigSource {
  readonly run: string
  readonly experiment: Experiment
  /** The env's id. */
  readonly env: string
  /** The experiment file; a program that trains its own has none. */
  readonly file?: string | undefined
  /** What stands in the place of a file: a built-in env and an algorithm. */
  readonly pair?: { readonly env: string; readonly algorithm: string } | undefined
  /** Overrides of the file's settings, by dotted path, as `--set` gives them. */
  readonly set?: Readonly<Record<string, string>>
  /** The attempt's number, from 1. */
  readonly attempt?: number
  /** Of the first attempt, ms since the epoch. */
  readonly startedAt: number
  readonly versions: Versions
}

/** `config.json`: the experiment with every default and override filled in, and all that is needed to say where it ran. */
export function configRecord({ run, experiment, env, file, pair, set, attempt, startedAt, versions }: ConfigSource) {
  return {
    format: 1,
    run,
    startedAt: new Date(startedAt).toISOString(),
    seed: experiment.seed,
    ...(attempt !== undefined && { attempt }),
    experiment: settingsRecord(experiment, env),
    file,
    ...(pair !== undefined && { pair }),
    ...(set !== undefined && { set }),
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

/** An experiment as plain data. */
export function settingsRecord({ algorithm, ...settings }: Experiment, env: string) {
  return { ...settings, env, algorithm: { name: algorithm.name, config: plainSettings(algorithm.config) } }
}

/** `policy.json`: what `policy.onnx` takes and gives, and the env it was trained in. */
export const PolicyRecord = z.strictObject({
  format: z.literal(1),
  run: Label,
  policyVersion: z.number().int().min(0),
  sha256: Sha256,
  spec: PolicySpec,
  env: z.strictObject({
    id: Label,
    config: JsonObject,
    /** Defined in the experiment file; its code is in `experiment.mjs`. */
    own: z.boolean(),
  }),
})
export type PolicyRecord = z.infer<typeof PolicyRecord>

export interface ResultSource {
  readonly summary: RunSummary
  readonly policy: Uint8Array
  readonly spec: PolicySpec
  readonly experiment: Experiment
  /** The env's id. */
  readonly env: string
  readonly ownEnv: boolean
  /** The attempt's number, from 1. */
  readonly attempt?: number | undefined
}

/** What a run came to, file by file, in the order in which to write them: `policy.json` names the hash of `policy.onnx`. */
export function resultFiles(source: ResultSource): readonly (readonly [name: string, body: Uint8Array | string])[] {
  const { summary, policy, experiment, attempt } = source
  const { curve, ...rest } = summary
  const goal = experiment.stop.meanReturn
  const goalReached = summary.reason === 'meanReturn'
  return [
    [RUN_FILES.policy, policy],
    [RUN_FILES.policySpec, jsonFile(policyRecord(source, summary.run, summary.progress.policyVersion))],
    [RUN_FILES.curve, ['env_steps,mean_return', ...curve.map((point) => point.join(','))].join('\n') + '\n'],
    [
      RUN_FILES.summary,
      jsonFile({ format: 1, goal: goal ?? null, goalReached, ...(attempt !== undefined && { attempt }), ...rest }),
    ],
  ]
}

/** `policy.json` beside this policy. */
export function policyRecord(
  { policy, spec, experiment, env, ownEnv }: Omit<ResultSource, 'summary'>,
  run: string,
  policyVersion: number,
): PolicyRecord {
  const sha256 = sha256Hex(policy)
  return { format: 1, run, policyVersion, sha256, spec, env: { id: env, config: experiment.envConfig, own: ownEnv } }
}

/** JSON as files of a run have it. */
export const jsonFile = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
