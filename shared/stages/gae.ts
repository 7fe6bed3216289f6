// Typed-array reads use `!`: every index is below a length that was made here.
import * as z from 'zod'
import { columnNamed, columnOf } from '../batch/columns.ts'
import { type TrainBatch, concatFragments } from '../batch/concat.ts'
import type { SampleBatch } from '../batch/sampleBatch.ts'
import { trainInputs } from '../batch/trainInputs.ts'
import type { Observations } from '../policy/session.ts'
import { gaeInto } from '../returns/index.ts'
import { type StagePorts, sourceStage } from './stage.ts'

const GaeParams = z.strictObject({
  /** Discount. */
  gamma: z.number().min(0).max(1),
  lambda: z.number().min(0).max(1),
  /** Multiplies rewards; 1 unless told. */
  rewardScale: z.number().positive().default(1),
})
type GaeParams = z.output<typeof GaeParams>

const COLUMNS = ['advantages', 'returns', 'old_values'] as const

/**
 * Generalised advantage estimation where the steps are made (Schulman et al. 2016, arXiv:1506.02438), with the values of the policy that
 * stepped: columns `advantages`, `returns` and `old_values`, F32 [T, B] each. The policy has to be published with its value.
 */
export const gae = sourceStage({
  name: 'gae',
  params: GaeParams,
  columns: (before) => [
    ...before,
    ...COLUMNS.map((name) => ({ name, dtypes: ['F32'], dims: ['T', 'B'], join: 'envs' }) as const),
  ],
  open: (params, ports, specs) => ({
    apply: (batch) => estimated(concatFragments([batch], specs), batch, { params, ports }),
  }),
})

async function estimated(
  joined: TrainBatch,
  batch: SampleBatch,
  { params, ports }: { readonly params: GaeParams; readonly ports: StagePorts },
): Promise<SampleBatch> {
  const { gamma, lambda, rewardScale } = params
  const { T, B } = ports
  const policy = ports.policy()
  // As the learner's: a truncated step goes on with the value of the observation its episode ended with.
  const { columns } = trainInputs(joined)
  const data = (name: string) => columnNamed({ columns }, name).data as Float32Array
  const seen = (name: string) => columnNamed({ columns }, name).data as Observations
  const [values, extra] = [await policy.values(seen('observations')), await policy.values(seen('extra_observations'))]
  const nextIndex = columnNamed({ columns }, 'next_index').data
  const nextValues = new Float32Array(T * B)
  for (let i = 0; i < nextValues.length; i++) {
    const row = nextIndex[i]!
    nextValues[i] = row < values.length ? values[row]! : extra[row - values.length]!
  }
  const rewards = rewardScale === 1 ? data('rewards') : data('rewards').map((reward) => reward * rewardScale)
  const flags = (name: string) => columnNamed(batch, name).data as Uint8Array
  const into = { advantages: new Float32Array(T * B), returns: new Float32Array(T * B) }
  const steps = { rewards, values, nextValues, terminated: flags('terminated'), truncated: flags('truncated') }
  gaeInto(steps, { T, B, gamma, lambda }, into)
  const given = { ...into, old_values: values }
  const made = COLUMNS.map((name) => [name, columnOf(given[name], [T, B])] as const)
  return { ...batch, columns: { ...batch.columns, ...Object.fromEntries(made) } }
}
