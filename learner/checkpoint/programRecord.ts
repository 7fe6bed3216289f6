import { z } from 'zod'
import { columnOf } from '../../shared/batch/index.ts'
import type { Column } from '../../shared/batch/sampleBatch.ts'
import { recordOf } from '../../shared/protocol/lists.ts'
import type { ProgramState } from '../program/index.ts'

const count = z.number().int().min(0)
const MOST_NAMES = 256

/** What a checkpoint says of a program's state beside its weights. */
export const ProgramMetadata = z.strictObject({
  /** Updates done, by set. */
  steps: recordOf(z.string(), count, MOST_NAMES),
  scalars: recordOf(z.string(), z.number(), MOST_NAMES),
  calls: recordOf(z.string(), count, MOST_NAMES),
  random: z.tuple([z.number().int(), z.number().int(), z.number().int(), z.number().int()]),
})
export type ProgramMetadata = z.infer<typeof ProgramMetadata>

export const metadataOfProgram = ({ sets, scalars, calls, random }: ProgramState): ProgramMetadata => ({
  steps: Object.fromEntries(Object.entries(sets).map(([name, { step }]) => [name, step])),
  scalars: { ...scalars },
  calls: { ...calls },
  random: [...random],
})

/** Weights and optimizers: `set.<set>` and `slot.<set>.<slot>`, each [P]. */
export function programColumns({ sets }: ProgramState): Record<string, Column> {
  const columns: Record<string, Column> = {}
  for (const [set, { weights, slots }] of Object.entries(sets)) {
    columns[`set.${set}`] = columnOf(weights, [weights.length])
    for (const [slot, values] of Object.entries(slots))
      columns[`slot.${set}.${slot}`] = columnOf(values, [values.length])
  }
  return columns
}

/**
 * The state that was recorded.
 *
 * @param names of all columns there are
 * @param read throws where a column is not there or not of finite numbers
 */
export function programFrom(
  { steps, ...rest }: ProgramMetadata,
  names: readonly string[],
  read: (name: string) => Float32Array,
): ProgramState {
  const sets = Object.entries(steps).map(([set, step]) => {
    const prefix = `slot.${set}.`
    const slots = names.filter((name) => name.startsWith(prefix))
    const values = slots.map((name) => [name.slice(prefix.length), read(name)] as const)
    return [set, { weights: read(`set.${set}`), slots: Object.fromEntries(values), step }] as const
  })
  return { sets: Object.fromEntries(sets), ...rest }
}
