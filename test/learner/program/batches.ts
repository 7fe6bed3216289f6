import * as t from '../../../learner/tensor/index.ts'

export interface BatchSizes {
  readonly observationShape: readonly number[]
  /** Discrete ones. */
  readonly actions: number
  readonly T: number
  readonly B: number
}

export type Feeds = Record<string, t.HostTensor>

/** A random batch with one termination (t 1, env 0) and one truncation (t 2, env 1). */
export function rolloutBatch({ T, B, observationShape, actions }: BatchSizes, seed = 3): Feeds {
  const uniform = t.seededUniform(seed)
  const draw = (n: number) => Float32Array.from({ length: n }, () => 2 * uniform() - 1)
  const flags = (...steps: number[]) => Uint8Array.from({ length: T * B }, (_, i) => Number(steps.includes(i)))
  const [ended, truncated] = [1 * B, 2 * B + 1]
  const extra = B + 1
  const next = Int32Array.from({ length: T * B }, (_, i) => (i === truncated ? T * B + B : i + B))
  const width = observationShape.reduce((a, b) => a * b, 1)
  return {
    observations: t.float32(draw(T * B * width), [T, B, ...observationShape]),
    extra_observations: t.float32(draw(extra * width), [extra, ...observationShape]),
    next_index: t.int32(next, [T, B]),
    actions: t.int32(
      Array.from({ length: T * B }, () => Math.floor(uniform() * actions)),
      [T, B],
    ),
    behaviour_log_probs: t.float32(
      draw(T * B).map((x) => -1.1 + 0.3 * x),
      [T, B],
    ),
    rewards: t.float32(draw(T * B), [T, B]),
    terminated: { dtype: 'uint8', shape: [T, B], data: flags(ended) },
    episode_end: { dtype: 'uint8', shape: [T, B], data: flags(ended, truncated) },
  }
}
