// Hot: runs over whole weight matrices; `!` on typed-array reads is safe, the loops stay in range.
import { graphError } from './shapes.ts'

/** A source of numbers uniform in [0, 1). */
export type Uniform = () => number

/** Fills one parameter of the given shape. */
export type Initializer = (shape: readonly number[], uniform: Uniform) => Float32Array

const count = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1)

export const constantInit =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(count(shape)).fill(value)

export const zerosInit: Initializer = constantInit(0)

/**
 * Orthogonal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014, arXiv:1312.6120).
 * A shape of more than two dimensions is a matrix [first, the rest], as a convolution's [out, in, kh, kw].
 */
export const orthogonal =
  (gain = 1): Initializer =>
  (shape, uniform) => {
    if (shape.length < 2) throw graphError('orthogonal', 'wants a matrix', [shape])
    const rows = shape[0]!
    const columns = count(shape.slice(1))
    const vectors = Math.min(rows, columns)
    const length = Math.max(rows, columns)
    const basis = orthonormalVectors({ vectors, length, uniform })
    const out = new Float32Array(rows * columns)
    for (let v = 0; v < vectors; v++) {
      for (let i = 0; i < length; i++) {
        out[rows <= columns ? v * columns + i : i * columns + v] = gain * basis[v * length + i]!
      }
    }
    return out
  }

/** As a matrix [the rest, last], for weights whose last axis is the outputs: a kernel [kh, kw, in, out]. */
export const byLastAxis =
  (initial: Initializer): Initializer =>
  (shape, uniform) =>
    initial([count(shape.slice(0, -1)), shape.at(-1) ?? 1], uniform)

/** Uniform in ±`gain` / sqrt(fan-in); the fan-in of a [in, out] matrix is its first dimension, of a convolution all but the first. */
export const uniformFanIn =
  (gain = 1): Initializer =>
  (shape, uniform) => {
    const fanIn = shape.length > 2 ? count(shape.slice(1)) : shape[0]!
    const bound = gain / Math.sqrt(Math.max(1, fanIn))
    return new Float32Array(count(shape)).map(() => bound * (2 * uniform() - 1))
  }

/** Gram and Schmidt over Gaussian vectors, twice, which is orthogonal to rounding; uniform over the orthogonal group. */
function orthonormalVectors({
  vectors,
  length,
  uniform,
}: {
  vectors: number
  length: number
  uniform: Uniform
}): Float64Array {
  const basis = new Float64Array(vectors * length).map(() => gaussian(uniform))
  for (let v = 0; v < vectors; v++) {
    for (let pass = 0; pass < 2; pass++) {
      for (let u = 0; u < v; u++) {
        let dot = 0
        for (let i = 0; i < length; i++) dot += basis[u * length + i]! * basis[v * length + i]!
        for (let i = 0; i < length; i++) basis[v * length + i]! -= dot * basis[u * length + i]!
      }
    }
    let norm = 0
    for (let i = 0; i < length; i++) norm += basis[v * length + i]! ** 2
    norm = Math.sqrt(norm)
    for (let i = 0; i < length; i++) basis[v * length + i]! /= norm
  }
  return basis
}

const gaussian = (uniform: Uniform): number =>
  Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())

/** A stream of uniform numbers from a seed: mulberry32 (Tommy Ettinger), 32 bits of state; enough to draw initial weights. */
export function seededUniform(seed: number): Uniform {
  let state = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
