import { MillraceError } from '../../shared/errors.ts'
import type { Program } from './program.ts'

/** Everything that calls change: what a checkpoint holds of a program. */
export interface ProgramState {
  readonly sets: Readonly<Record<string, SetState>>
  readonly scalars: Readonly<Record<string, number>>
  /** How often each call was made. */
  readonly calls: Readonly<Record<string, number>>
  /** Of the generator that shuffles and makes noise. */
  readonly random: readonly [number, number, number, number]
}

export interface SetState {
  /** [P] */
  readonly weights: Float32Array
  /** State vectors of the optimizer by name, each [P]. */
  readonly slots: Readonly<Record<string, Float32Array>>
  /** Updates done. */
  readonly step: number
}

/** @throws MillraceError E_CHECKPOINT where the state is not of this program */
export function checkState(program: Program, state: ProgramState): void {
  const [sets, given] = [Object.keys(program.sets), Object.keys(state.sets)]
  if (!sameNames(sets, given)) throw unfit(`sets ${listed(given)}; the experiment has ${listed(sets)}`)
  for (const [name, { initial, slots }] of Object.entries(program.sets)) {
    const { weights, slots: own } = state.sets[name] as SetState
    const names = Object.keys(own)
    if (sameNames(slots, names) && [weights, ...Object.values(own)].every(({ length }) => length === initial.length))
      continue
    throw unfit(
      `${weights.length} weights of '${name}' and optimizer state ${listed(names)}; the experiment has ${initial.length} and ${listed(slots)}`,
    )
  }
  const numbers = Object.keys(program.scalars)
  if (!sameNames(numbers, Object.keys(state.scalars)))
    throw unfit(`scalars ${listed(Object.keys(state.scalars))}; the experiment has ${listed(numbers)}`)
}

const listed = (names: readonly string[]): string => names.join(', ') || 'of none'

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name))

const unfit = (what: string): MillraceError => new MillraceError('E_CHECKPOINT', `the checkpoint has ${what}`)
