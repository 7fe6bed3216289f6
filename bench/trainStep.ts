import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { Column } from '../shared/batch/index.ts'
import { columnOf } from '../shared/batch/index.ts'
import { Random } from '../shared/random.ts'
import { hostTensors } from '../learner/training/hostTensors.ts'
import { cartPoleRunner } from './cartPoleSetting.ts'
import { type Row, lowerIsBetter, medianMs } from './result.ts'
import { tfjsUpdate } from './tfjsUpdate.ts'

const T = 20
const B = 128
const RATES = { learning_rate: 1e-3, entropy_coef: 0.001 }

/** One IMPALA update of a 4-64-64-(2+1) network on 2,560 rows: forward, V-trace, backward, clip and Adam. */
export async function trainStepRow(): Promise<Row> {
  const columns = randomBatch()
  const runner = cartPoleRunner(T, B)
  const tensors = hostTensors(columns)
  const update = async () => {
    await runner.call('update', { columns: tensors, rates: RATES })
    return runner.policy('default')
  }
  const value = await medianMs(update, { warmup: 30, rounds: 200 })
  await runner.close()
  setWasmPaths(`${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  await tf.setBackend('wasm')
  const baselineUpdate = tfjsUpdate(tf, { T, B, columns })
  const baseline = await medianMs(baselineUpdate, { warmup: 5, rounds: 30 })
  return lowerIsBetter({
    name: 'train step, V-trace with Adam, 4-64-64-(2+1), 2,560 rows, one thread',
    value,
    unit: 'ms an update, the new policy as ONNX included',
    baseline: { name: 'TensorFlow.js 4.22 on WebAssembly, its own autodiff and Adam, same loss', value: baseline },
    limit: 'the matrix products of forward and backward; about 200 small operators cost a microsecond or two each',
  })
}

/** A batch with the columns a train step takes; a few episodes end inside it. */
function randomBatch(): Record<string, Column> {
  const random = new Random(1)
  const rows = T * B
  const floats = (length: number, next: () => number): Float32Array => Float32Array.from({ length }, next)
  const flags = Uint8Array.from({ length: rows }, () => (random.uniform() < 0.02 ? 1 : 0))
  return {
    observations: columnOf(
      floats(rows * 4, () => random.normal()),
      [T, B, 4],
    ),
    extra_observations: columnOf(
      floats(B * 4, () => random.normal()),
      [B, 4],
    ),
    next_index: columnOf(
      Int32Array.from({ length: rows }, (_, i) => i + B),
      [T, B],
    ),
    actions: columnOf(
      Int32Array.from({ length: rows }, () => random.integer(2)),
      [T, B],
    ),
    behaviour_log_probs: columnOf(
      floats(rows, () => -0.4 - 0.5 * random.uniform()),
      [T, B],
    ),
    rewards: columnOf(
      floats(rows, () => 1),
      [T, B],
    ),
    terminated: columnOf(flags, [T, B]),
    episode_end: columnOf(flags, [T, B]),
  }
}
