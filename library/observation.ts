// Typed-array reads use `!`: every index is below the size of the row.
import { MillraceError } from '../shared/errors.ts'
import type { Observations } from '../shared/policy/session.ts'
import type { PolicySpec } from '../shared/policy/spec.ts'
import { described } from './described.ts'

/** An observation as the env writes it: the numbers of a box in one flat list, or the index of a discrete observation. */
export type Observation = number | ArrayLike<number>

/**
 * Checks an observation and writes it in the form of the model's input: an index as one-hot, numbers as float32 or as bytes.
 *
 * @param row [D], filled with zeros; the observation is written into it
 * @param what names the observation in a message
 * @throws MillraceError E_USAGE
 */
export function readObservation(
  spec: PolicySpec,
  observation: Observation,
  row: Observations,
  what = 'the observation',
): void {
  if (typeof observation === 'number' && (spec.observation.oneHot === true || row.length === 1)) {
    if (spec.observation.oneHot === true) row[checkedIndex(observation, row.length, what)] = 1
    else row[0] = checkedNumber(observation, what)
    return
  }
  const { shape } = spec.observation
  const wanted =
    spec.observation.oneHot === true
      ? `an index 0 … ${row.length - 1}`
      : `${row.length} numbers (shape [${shape.join(', ')}])`
  if (observation === null || typeof observation !== 'object' || typeof observation.length !== 'number')
    throw new MillraceError('E_USAGE', `${what} is ${described(observation)}; the policy takes ${wanted}`)
  if (observation.length !== row.length)
    throw new MillraceError('E_USAGE', `${what} has ${observation.length} elements; the policy takes ${wanted}`)
  const isBytes = row instanceof Uint8Array
  for (let i = 0; i < row.length; i++) {
    const value = checkedNumber(observation[i], `element ${i} of ${what}`)
    if (isBytes && !(Number.isInteger(value) && value >= 0 && value <= 255))
      throw new MillraceError('E_USAGE', `element ${i} of ${what} is ${value}, expected a whole number from 0 to 255`)
    row[i] = value
  }
}

function checkedIndex(index: number, n: number, what: string): number {
  if (Number.isInteger(index) && index >= 0 && index < n) return index
  throw new MillraceError('E_USAGE', `${what} is ${index}; the policy takes an index 0 … ${n - 1}`)
}

function checkedNumber(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value
  const hint = typeof value === 'object' && value !== null ? '; give all numbers in one flat array, row by row' : ''
  const got = typeof value === 'number' ? `${value}` : described(value)
  throw new MillraceError('E_USAGE', `${what} is ${got}, expected a finite number${hint}`)
}
