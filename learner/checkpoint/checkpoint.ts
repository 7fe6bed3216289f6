import { z } from 'zod'
import { columnNamed, columnOf, openSealed, sealBatch } from '../../shared/batch/index.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import type { Column, SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { asDefinition } from '../../shared/env/index.ts'
import { MillraceError } from '../../shared/errors.ts'
import { Sha256, issues } from '../../shared/protocol/fields.ts'
import { recordOf } from '../../shared/protocol/lists.ts'
import { parseJson } from '../../shared/protocol/parseJson.ts'
import type { Experiment } from '../experiment.ts'
import { ExactMetadata, type ExactState, exactColumns, exactFrom } from './exactState.ts'
import { planOf } from '../planOf.ts'
import { plainSettings } from '../settings.ts'
import type { ProgramState } from '../program/index.ts'
import { ProgramMetadata, metadataOfProgram, programColumns, programFrom } from './programRecord.ts'
import type { ReporterSnapshot } from '../run/reporter.ts'
import type { RunStateSnapshot } from '../run/state.ts'

/**
 * Everything needed to resume a run without its learner. The plan's own state is not in it: what a plan of concurrent parts holds at
 * any moment are fragments of the attempt that ended. The next attempt samples new ones; in an exact pace the very same ones.
 */
export interface Checkpoint {
  /** The attempt it was made by. */
  readonly run: string
  /** See `experimentHash`. */
  readonly experiment: string
  /** Of what learns. */
  readonly program: ProgramState
  readonly state: RunStateSnapshot
  readonly report: ReporterSnapshot
  /** USD so far, by part. */
  readonly costByPart: Readonly<Record<string, number>>
  /** Of a run that repeats bit for bit. */
  readonly exact?: ExactState | undefined
}

const count = z.number().int().min(0)

const Metadata = z.strictObject({
  format: z.literal(2),
  experiment: Sha256,
  program: ProgramMetadata,
  clocks: z.strictObject({ envSteps: count, trainedSteps: count, updates: count }),
  stale: z.strictObject({ fragments: count, envSteps: count }),
  episodes: count,
  elapsedMs: z.number().min(0),
  curveStride: z.number().int().min(1),
  costByPart: recordOf(z.string(), z.number().min(0), 64),
  exact: ExactMetadata.optional(),
})

/**
 * A checkpoint as one safetensors file: `set.<set>` and `slot.<set>.<slot>` [P] each, float32; `episode_returns` [E] and `curve` [K, 3]
 * (update, env steps, mean return), float64; the rest as JSON in its metadata. It carries a digest of all its bytes (`sealBatch`).
 */
export function encodeCheckpoint({
  run,
  experiment,
  program,
  state,
  report,
  costByPart,
  exact,
}: Checkpoint): Uint8Array {
  const { clocks, stale, episodes, lastReturns } = state
  const { elapsedMs, curve, curveStride } = report
  const metadata: z.infer<typeof Metadata> = {
    format: 2,
    experiment,
    program: metadataOfProgram(program),
    clocks,
    stale,
    episodes,
    elapsedMs,
    curveStride,
    costByPart,
    ...(exact && { exact: metadataOf(exact) }),
  }
  const points = Float64Array.from(curve.flatMap(({ update, point }) => [update, ...point]))
  const columns: Record<string, Column> = {
    ...programColumns(program),
    episode_returns: columnOf(Float64Array.from(lastReturns), [lastReturns.length]),
    curve: columnOf(points, [curve.length, 3]),
  }
  if (exact) Object.assign(columns, exactColumns(exact))
  const { envSteps, updates: policyVersion } = clocks
  const provenance = { run, shard: 0, lease: 'checkpoint', sequence: 0, policyVersion, envSteps }
  return sealBatch({ provenance, columns, notes: { checkpoint: JSON.stringify(metadata) } })
}

/** @throws MillraceError E_CHECKPOINT saying what is wrong with it */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  let batch: SampleBatch
  let data: unknown
  try {
    batch = openSealed(bytes)
    data = parseJson(batch.notes['checkpoint'] ?? '')
  } catch (cause) {
    throw broken(cause instanceof Error ? cause.message : String(cause), cause)
  }
  const parsed = Metadata.safeParse(data)
  if (!parsed.success) throw broken(issues(parsed.error))
  const { experiment, program, clocks, stale, episodes, elapsedMs, curveStride, costByPart, exact } = parsed.data
  const curve = doubles(batch, 'curve')
  return {
    run: batch.provenance.run,
    experiment,
    program: programFrom(program, Object.keys(batch.columns), (name) => floats(batch, name)),
    state: { clocks, stale, episodes, lastReturns: doubles(batch, 'episode_returns') },
    report: {
      elapsedMs,
      curveStride,
      curve: Array.from({ length: curve.length / 3 }, (_, i) => {
        const [update = 0, envSteps = 0, meanReturn = 0] = curve.subarray(i * 3)
        return { update, point: [envSteps, meanReturn] as const }
      }),
    },
    costByPart,
    exact: exact && exactFrom(exact, batch.columns),
  }
}

const metadataOf = ({ states: _states, policies: _policies, ...metadata }: ExactState) => metadata

/**
 * The checkpoint in these bytes, if it is of this experiment.
 * @throws MillraceError E_CHECKPOINT
 */
export function checkpointOf(experiment: Experiment, bytes: Uint8Array): Checkpoint {
  const checkpoint = decodeCheckpoint(bytes)
  if (checkpoint.experiment === experimentHash(experiment)) return checkpoint
  throw new MillraceError(
    'E_CHECKPOINT',
    `the checkpoint of ${checkpoint.run} is of another experiment: algorithm and its settings, env, fragment length and batch have to be the same`,
    { run: checkpoint.run },
  )
}

/** Hash of what must be the same for a checkpoint to fit an experiment: algorithm and settings, env and its settings, T and B. */
export function experimentHash(experiment: Experiment): string {
  const { algorithm, env, envConfig, rollouts } = experiment
  const { fragmentLength: T, envsPerShard } = rollouts
  const B = algorithm.fragmentsPerUpdate(planOf(experiment).setting) * envsPerShard
  const parts = [algorithm.name, plainSettings(algorithm.config), asDefinition(env).id, envConfig, T, B]
  return sha256Hex(new TextEncoder().encode(JSON.stringify(parts)))
}

function floats(batch: SampleBatch, name: string): Float32Array {
  const { data } = columnIn(batch, name)
  if (data instanceof Float32Array && data.every(Number.isFinite)) return data
  throw broken(`${name} is not of finite float32`)
}

function doubles(batch: SampleBatch, name: string): Float64Array {
  const { data } = columnIn(batch, name)
  if (data instanceof Float64Array) return data
  throw broken(`${name} is not of float64`)
}

function columnIn(batch: SampleBatch, name: string): Column {
  try {
    return columnNamed(batch, name)
  } catch (cause) {
    throw broken(`it has no ${name}`, cause)
  }
}

const broken = (what: string, cause?: unknown): MillraceError =>
  new MillraceError(
    'E_CHECKPOINT',
    `the checkpoint cannot be read: ${what}`,
    {},
    cause === undefined ? undefined : { cause },
  )
