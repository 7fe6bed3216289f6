import { type Random, type Space, spaceSize } from '../../../shared/env/index.ts'

/** Uniform actions of B envs, by their space; a box has finite bounds that are one number each. */
export function randomActions(space: Space, numEnvs: number, random: Random): Int32Array | Float32Array {
  if (space.kind === 'discrete') return Int32Array.from({ length: numEnvs }, () => random.integer(space.n))
  if (space.kind === 'multiDiscrete')
    return Int32Array.from({ length: numEnvs * spaceSize(space) }, (_, i) =>
      random.integer(space.nvec[i % space.nvec.length] ?? 1),
    )
  const [low, high] = [Number(space.low), Number(space.high)]
  return Float32Array.from({ length: numEnvs * spaceSize(space) }, () => random.uniformBetween(low, high))
}
