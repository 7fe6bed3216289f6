import { MillraceError, nearestName } from '../errors.ts'
import { showValue } from '../showValue.ts'
import { boxBounds, spaceSize, type BoxSpace, type BoxType, type ObservationSpace, type Space } from './space.ts'

const KINDS = ['box', 'discrete', 'multiDiscrete']
const TYPES: readonly BoxType[] = ['float32', 'uint8']
const EXPECTED = `{ kind: 'box', shape, low, high }, { kind: 'discrete', n } or, of actions, { kind: 'multiDiscrete', nvec }`
/** 1 GiB of float32. */
const MOST_ELEMENTS = 2 ** 28

/**
 * @param what whose space it is, for the message: `the action space of CartPole-v1`
 * @throws MillraceError E_ENV_SPACE saying what is malformed
 */
export function validateSpace(space: Space, what: string): void {
  checkedSpace(space, what)
}

/**
 * A space as plain data of its own, out of whatever a user gives as one: later changes of theirs do not reach it, and each of
 * their fields is read once.
 *
 * @param what whose space it is, for the message: `the action space of CartPole-v1`
 * @throws MillraceError E_ENV_SPACE saying what is malformed
 */
export function checkedSpace(given: unknown, what: string): Space {
  const refuse = (why: string) => new MillraceError('E_ENV_SPACE', `${what} is malformed: ${why}`, { space: what })
  if (given === undefined) throw refuse(`there is none, expected ${EXPECTED}`)
  if (typeof given !== 'object' || given === null) throw refuse(`it is ${showValue(given)}, expected ${EXPECTED}`)
  const { kind, n, nvec, shape, low, high, dtype } = given as Readonly<Record<string, unknown>>
  if (kind === 'discrete') {
    if (!Number.isInteger(n) || Number(n) < 1) throw refuse(`n is ${showValue(n)}, expected an integer >= 1`)
    if (Number(n) > MOST_ELEMENTS) throw refuse(`n is ${Number(n)}, expected at most ${MOST_ELEMENTS}`)
    return { kind, n: Number(n) }
  }
  if (kind === 'multiDiscrete') return { kind, nvec: checkedChoices(nvec, refuse) }
  if (kind !== 'box')
    throw refuse(
      `expected kind 'box', 'discrete' or 'multiDiscrete', got ${showValue(kind)}${hintFor(kind)}; write ${EXPECTED}`,
    )
  const sizes = checkedShape(shape, refuse)
  const size = spaceSize({ kind, shape: sizes, low: 0, high: 0 })
  if (size > MOST_ELEMENTS)
    throw refuse(`shape [${sizes.join(', ')}] has ${size} elements, at most ${MOST_ELEMENTS} work`)
  const space: BoxSpace = {
    kind,
    shape: sizes,
    low: checkedBound('low', low, size, refuse),
    high: checkedBound('high', high, size, refuse),
    ...checkedType(dtype, refuse),
  }
  refuseEmpty(space, refuse)
  if (space.dtype === 'uint8') refuseNoBytes(space, refuse)
  return space
}

/** The same, for observations: there are none of several choices. */
export function checkedObservationSpace(given: unknown, what: string): ObservationSpace {
  const space = checkedSpace(given, what)
  if (space.kind !== 'multiDiscrete') return space
  const why = `it is of kind 'multiDiscrete', which only actions may be; show the choices as a box, or one-hot`
  throw new MillraceError('E_ENV_SPACE', `${what} cannot be used: ${why}`, { space: what })
}

type Refuse = (why: string) => MillraceError

function checkedChoices(nvec: unknown, refuse: Refuse): readonly number[] {
  const isList = Array.isArray(nvec) || (ArrayBuffer.isView(nvec) && 'length' in nvec)
  const sizes: readonly unknown[] = isList ? Array.from(nvec as ArrayLike<unknown>) : []
  if (sizes.length === 0) throw refuse(`nvec is ${showValue(nvec)}, expected a list of integers >= 1, one a choice`)
  const wrong = sizes.findIndex((size) => !Number.isInteger(size) || Number(size) < 1)
  if (wrong >= 0) throw refuse(`element ${wrong} of nvec is ${showValue(sizes[wrong])}, expected an integer >= 1`)
  const total = sizes.reduce<number>((sum, size) => sum + Number(size), 0)
  if (total > MOST_ELEMENTS) throw refuse(`nvec has ${total} choices in all, at most ${MOST_ELEMENTS} work`)
  return sizes as readonly number[]
}

function hintFor(kind: unknown): string {
  if (typeof kind !== 'string') return ''
  const near = nearestName(kind, KINDS)
  return near ? `, did you mean '${near}'?` : ''
}

function checkedShape(shape: unknown, refuse: Refuse): readonly number[] {
  const sizes: unknown[] | undefined = Array.isArray(shape) ? Array.from(shape) : undefined
  if (sizes?.every((n): n is number => Number.isInteger(n) && Number(n) >= 1)) return sizes
  const hint = typeof shape === 'number' ? `; write [${shape}]` : ''
  throw refuse(`shape is ${showValue(shape)}, expected a list of integers >= 1${hint}`)
}

/** One number, or a list of one an element; a typed array will do. */
function checkedBound(name: 'low' | 'high', bound: unknown, size: number, refuse: Refuse): number | readonly number[] {
  const expected = `expected one number or ${size}, one an element, in one flat list (infinities are allowed)`
  if (typeof bound === 'number') return bound
  if (bound === undefined) throw refuse(`${name} is missing, ${expected}`)
  const isList = Array.isArray(bound) || (ArrayBuffer.isView(bound) && 'length' in bound)
  if (!isList) throw refuse(`${name} is ${showValue(bound)}, ${expected}`)
  const values: readonly unknown[] = Array.from(bound as ArrayLike<unknown>)
  const wrong = values.findIndex((value) => typeof value !== 'number')
  if (wrong >= 0) throw refuse(`element ${wrong} of ${name} is ${showValue(values[wrong])}, ${expected}`)
  if (values.length !== size) throw refuse(`${name} has ${values.length} values, ${expected}`)
  return values as readonly number[]
}

function checkedType(dtype: unknown, refuse: Refuse): { readonly dtype?: BoxType } {
  if (dtype === undefined || dtype === 'float32') return {}
  if (dtype === 'uint8') return { dtype }
  const near = typeof dtype === 'string' ? nearestName(dtype, TYPES) : undefined
  throw refuse(
    `dtype is ${showValue(dtype)}, expected 'float32' (also where it is left out) or 'uint8'${near ? `; did you mean '${near}'?` : ''}`,
  )
}

function refuseNoBytes(space: BoxSpace, refuse: Refuse): void {
  const bounds = boxBounds(space)
  for (const name of ['low', 'high'] as const) {
    const wrong = bounds[name].find((bound) => !(Number.isInteger(bound) && bound >= 0 && bound <= 255))
    if (wrong !== undefined)
      throw refuse(`${name} is ${wrong}, expected whole numbers from 0 to 255 with dtype 'uint8'`)
  }
}

/** Bounds between which there is no finite number. */
function refuseEmpty(space: BoxSpace, refuse: Refuse): void {
  const { low, high } = boxBounds(space)
  const wrong = low.findIndex((value, i) => !(value <= high[i]!) || value === Infinity || high[i] === -Infinity)
  if (wrong >= 0) throw refuse(`element ${wrong} has low ${low[wrong]} and high ${high[wrong]}`)
}

/** Where two spaces differ, in words; undefined where they are the same. */
export function spaceDifference(a: Space, b: Space): string | undefined {
  if (a.kind === 'discrete' || b.kind === 'discrete')
    return a.kind === b.kind && 'n' in a && 'n' in b && a.n === b.n ? undefined : 'another size'
  if (a.kind === 'multiDiscrete' || b.kind === 'multiDiscrete')
    return a.kind === b.kind && 'nvec' in a && 'nvec' in b && a.nvec.join() === b.nvec.join()
      ? undefined
      : 'another size'
  if (a.shape.join() !== b.shape.join()) return 'another shape'
  if ((a.dtype === 'uint8') !== (b.dtype === 'uint8')) return 'another dtype'
  const [first, second] = [boxBounds(a), boxBounds(b)]
  const differs = first.low.findIndex((low, i) => low !== second.low[i] || first.high[i] !== second.high[i])
  return differs < 0 ? undefined : `other bounds at element ${differs}`
}
