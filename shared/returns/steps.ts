import { MillraceError } from '../errors.ts'

/** Of a fragment: T steps of B envs, time first. */
export interface StepSizes {
  readonly T: number
  readonly B: number
}

/** @throws MillraceError E_BATCH_SHAPE that names the first column which does not hold T x B numbers */
export function checkSteps({ T, B }: StepSizes, columns: Readonly<Record<string, ArrayLike<number>>>): void {
  for (const [name, { length }] of Object.entries(columns)) {
    if (length === T * B) continue
    throw new MillraceError('E_BATCH_SHAPE', `${name} has ${length} numbers, expected [T, B] = [${T}, ${B}]`, { T, B })
  }
}
