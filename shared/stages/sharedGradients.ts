import * as z from 'zod'
import { columnNamed, columnOf } from '../batch/columns.ts'
import { concatFragments } from '../batch/concat.ts'
import type { Column, SampleBatch } from '../batch/sampleBatch.ts'
import { trainInputs } from '../batch/trainInputs.ts'
import { MillraceError } from '../errors.ts'
import { Label } from '../protocol/names.ts'
import { Random, deriveSeed } from '../random.ts'
import { gradientColumns, gradientSpecs, kept } from './gradientColumns.ts'
import { rowsOf, shuffled } from './minibatch.ts'
import { SOURCE_RATES, ratesAt } from './sourceRates.ts'
import { type StageSizes, sourceStage } from './stage.ts'

const count = z.number().int().min(1)
const SharedGradientsParams = z.strictObject({
  /** A graph of the program over minibatches [rows, …] that gives the column `gradient`. */
  graph: Label,
  epochs: count,
  /** Steps of a minibatch; they divide those of a fragment. */
  rows: count,
  ...SOURCE_RATES,
})
type SharedGradientsParams = z.output<typeof SharedGradientsParams>

/** Minibatches of one epoch. @throws MillraceError E_PLAN_PARAMETER */
function perEpoch({ rows }: SharedGradientsParams, { T, B }: Pick<StageSizes, 'T' | 'B'>): number {
  if ((T * B) % rows === 0) return (T * B) / rows
  throw new MillraceError(
    'E_PLAN_PARAMETER',
    `minibatches of ${rows} steps do not divide the ${T * B} of a fragment, which its function keeps for itself`,
    { rows },
  )
}

/**
 * Keeps a fragment for several epochs of minibatches, in an order of its own, and gives the gradient of each by the weights of its own
 * moment: one message a minibatch, which the learner averages over all shards before the next (Wijmans et al. 2019, arXiv:1911.00357).
 * Columns as of `gradients`; steps and episodes are counted with the first message of a fragment.
 */
export const sharedGradients = sourceStage({
  name: 'sharedGradients',
  params: SharedGradientsParams,
  columns: (before, params, sizes) => {
    perEpoch(params, sizes)
    return gradientSpecs(before, params.graph, sizes)
  },
  rounds: (params, sizes) => params.epochs * perEpoch(params, sizes),
  graphs: ({ graph }) => [graph],
  open: async (params, ports, specs) => {
    const session = await ports.graph(params.graph)
    const minibatches = perEpoch(params, ports)
    const rounds = params.epochs * minibatches
    let keptBatch: SampleBatch | undefined
    let columns: Readonly<Record<string, Column>> = {}
    let order: Uint32Array = new Uint32Array(0)

    async function gradientOf(batch: SampleBatch, sequence: number): Promise<Record<string, Column>> {
      const [first, round] = [sequence - (sequence % rounds), sequence % rounds]
      const at = round % minibatches
      // Made anew from its seed: the order depends on nothing but the sequence number, whoever makes it.
      if (at === 0) {
        const seed = deriveSeed(ports.seed, 'minibatches', ports.shard, first, Math.floor(round / minibatches))
        order = shuffled(columnNamed(batch, 'rewards').data.length, new Random(seed))
      }
      const rows = order.subarray(at * params.rows, (at + 1) * params.rows)
      const { model, version } = ports.policy()
      const inputs = { columns: rowsOf(columns, session.columns, rows), rates: ratesAt(params, version), model }
      return gradientColumns(session, await session.run(inputs))
    }

    return {
      async apply(batch) {
        keptBatch = batch
        columns = trainInputs(concatFragments([batch], specs)).columns
        const stays = Object.fromEntries(kept(Object.entries(batch.columns)))
        return { ...batch, columns: { ...stays, ...(await gradientOf(batch, batch.provenance.sequence)) } }
      },
      async again(sequence) {
        if (!keptBatch) throw new MillraceError('E_INTERNAL', `message ${sequence} is of steps that were never made`)
        const { version } = ports.policy()
        const provenance = { ...keptBatch.provenance, sequence, policyVersion: version, envSteps: 0 }
        const gradient = await gradientOf(keptBatch, sequence)
        return { provenance, notes: keptBatch.notes, columns: { ...nothing(ports.T, version), ...gradient } }
      },
    }
  },
})

/** No episode ended, and the gradient is of this version. */
const nothing = (T: number, version: number): Record<string, Column> => ({
  policy_versions: columnOf(new Int32Array(T).fill(version), [T]),
  episode_returns: columnOf(new Float32Array(0), [0]),
  episode_lengths: columnOf(new Int32Array(0), [0]),
})
