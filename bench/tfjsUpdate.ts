import type * as TF from '@tensorflow/tfjs'
import type { Column } from '../shared/batch/index.ts'

export interface TfjsBatch {
  readonly T: number
  readonly B: number
  readonly columns: Readonly<Record<string, Column>>
}

const GAMMA = 0.99
const REWARD_SCALE = 0.1
const VALUE_COEF = 0.25
const ENTROPY_COEF = 0.001
const MAX_GRAD_NORM = 0.5

/**
 * The IMPALA update as a TensorFlow.js program would write it: `variableGrads` over the same network and loss, the clip, and
 * its own Adam. V-trace's recursion runs on arrays, which is the fastest way there (a tensor operation a step costs more).
 */
export function tfjsUpdate(tf: typeof TF, { T, B, columns }: TfjsBatch): () => Promise<void> {
  const variable = (shape: number[]): TF.Variable => tf.variable(tf.randomNormal(shape, 0, 0.1, 'float32', 1))
  const [w1, b1, w2, b2] = [variable([4, 64]), variable([64]), variable([64, 64]), variable([64])] as const
  const [wp, bp, wv, bv] = [variable([64, 2]), variable([2]), variable([64, 1]), variable([1])] as const
  const variables = [w1, b1, w2, b2, wp, bp, wv, bv]
  const adam = tf.train.adam(1e-3)
  const data = (name: string): Float32Array => Float32Array.from(columns[name]?.data ?? [])
  const rows = T * B
  const trunk = (x: TF.Tensor2D): TF.Tensor2D =>
    tf.tanh<TF.Tensor2D>(tf.add<TF.Tensor2D>(tf.matMul(tf.tanh(tf.add<TF.Tensor2D>(tf.matMul(x, w1), b1)), w2), b2))

  return async () => {
    const observations = tf.tensor2d(data('observations'), [rows, 4])
    const actions = tf.oneHot(tf.tensor1d(Int32Array.from(columns['actions']?.data ?? []), 'int32'), 2).toFloat()
    const forward = tf.tidy(() => {
      const hidden = trunk(observations)
      const logProbs = tf.sum(
        tf.mul(tf.logSoftmax(tf.add<TF.Tensor2D>(tf.matMul(hidden, wp as TF.Tensor2D), bp)), actions),
        1,
      )
      const values = tf.add(tf.matMul(hidden, wv as TF.Tensor2D), bv)
      const last = tf.add(tf.matMul(trunk(tf.tensor2d(data('extra_observations'), [B, 4])), wv as TF.Tensor2D), bv)
      return { logProbs, values, last }
    })
    const [logProbs, values, last] = await Promise.all([
      forward.logProbs.data(),
      forward.values.data(),
      forward.last.data(),
    ])
    const { targets, advantages } = vtraceOnArrays({ T, B }, { logProbs, values, last, columns })
    const { value, grads } = tf.variableGrads(() => {
      const hidden = trunk(observations)
      const all = tf.logSoftmax(tf.add<TF.Tensor2D>(tf.matMul(hidden, wp as TF.Tensor2D), bp))
      const policy = tf.neg(tf.mean(tf.mul(tf.sum(tf.mul(all, actions), 1), tf.tensor1d(advantages))))
      const predicted = tf.reshape(tf.add(tf.matMul(hidden, wv as TF.Tensor2D), bv), [rows])
      const critic = tf.mul(0.5, tf.mean(tf.square(tf.sub(tf.tensor1d(targets), predicted))))
      const entropy = tf.neg(tf.mean(tf.sum(tf.mul(tf.exp(all), all), 1)))
      return tf.sub<TF.Scalar>(tf.add(policy, tf.mul(VALUE_COEF, critic)), tf.mul(ENTROPY_COEF, entropy))
    }, variables)
    const clipped = tf.tidy(() => {
      const norm = tf.sqrt(tf.addN(Object.values(grads).map((g) => tf.sum(tf.square(g)))))
      const scale = tf.minimum(1, tf.div(MAX_GRAD_NORM, norm))
      return Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.mul(g, scale)]))
    })
    adam.applyGradients(clipped as unknown as Parameters<typeof adam.applyGradients>[0])
    await value.data()
    tf.dispose([observations, actions, forward, value, grads, clipped])
  }
}

interface VtraceArrays {
  readonly logProbs: ArrayLike<number>
  readonly values: ArrayLike<number>
  readonly last: ArrayLike<number>
  readonly columns: Readonly<Record<string, Column>>
}

function vtraceOnArrays(
  { T, B }: { T: number; B: number },
  { logProbs, values, last, columns }: VtraceArrays,
): { targets: Float32Array; advantages: Float32Array } {
  const column = (name: string): ArrayLike<number> => columns[name]?.data ?? []
  const [behaviour, rewards, terminated, ends] = ['behaviour_log_probs', 'rewards', 'terminated', 'episode_end'].map(
    column,
  )
  const targets = new Float32Array(T * B)
  const advantages = new Float32Array(T * B)
  for (let b = 0; b < B; b++) {
    let carried = 0
    let nextTarget = last[b] ?? 0
    for (let t = T - 1; t >= 0; t--) {
      const i = t * B + b
      const nextValue = (t === T - 1 ? last[b] : values[i + B]) ?? 0
      const discount = GAMMA * (1 - (terminated?.[i] ?? 0))
      const going = 1 - (ends?.[i] ?? 0)
      const rho = Math.min(1, Math.exp((logProbs[i] ?? 0) - (behaviour?.[i] ?? 0)))
      const reward = REWARD_SCALE * (rewards?.[i] ?? 0)
      const value = values[i] ?? 0
      advantages[i] = rho * (reward + discount * (going ? nextTarget : nextValue) - value)
      carried = rho * (reward + discount * nextValue - value) + discount * going * rho * carried
      nextTarget = value + carried
      targets[i] = nextTarget
    }
  }
  return { targets, advantages }
}
