import * as z from 'zod'
import { ColumnBuffers } from '../batch/columns.ts'
import { concatFragments } from '../batch/concat.ts'
import { trainInputs } from '../batch/trainInputs.ts'
import { Label } from '../protocol/names.ts'
import { gradientColumns, gradientSpecs, kept } from './gradientColumns.ts'
import { SOURCE_RATES, ratesAt } from './sourceRates.ts'
import { sourceStage } from './stage.ts'

const GradientsParams = z.strictObject({
  /** A graph of the program that gives the column `gradient`. */
  graph: Label,
  ...SOURCE_RATES,
})

/**
 * Turns a fragment into the gradient of a loss over it, by the weights that it was stepped with (A3C: Mnih et al. 2016,
 * arXiv:1602.01783, algorithm S3). Columns: `gradient` F32 [P], `metrics` F32 [M], and whose policy it was and which episodes ended.
 */
export const gradients = sourceStage({
  name: 'gradients',
  params: GradientsParams,
  columns: (before, { graph }, sizes) => gradientSpecs(before, graph, sizes),
  graphs: ({ graph }) => [graph],
  open: async (params, ports, specs) => {
    const session = await ports.graph(params.graph)
    const buffers = new ColumnBuffers()
    const take = buffers.take.bind(buffers)
    return {
      async apply(batch) {
        const { columns } = trainInputs(concatFragments([batch], specs), take)
        const { model, version } = ports.policy()
        const outputs = await session.run({ columns, rates: ratesAt(params, version), model })
        const stays = Object.fromEntries(kept(Object.entries(batch.columns)))
        return { ...batch, columns: { ...stays, ...gradientColumns(session, outputs) } }
      },
    }
  },
})
