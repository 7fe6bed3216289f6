import { defaultTorso, network, type TorsoConfig } from '../learner/networks/index.ts'
import { a2cLoss } from '../learner/losses/index.ts'
import { categoricalHead } from '../learner/heads/index.ts'
import { ProgramRunner, column, compile } from '../learner/program/index.ts'
import * as t from '../learner/tensor/index.ts'
import { Random } from '../shared/random.ts'
import { higherIsBetter, mediansInTurn, type Row } from './result.ts'

const ROWS = 2560
const ACTIONS = 6
const SIDE = 1024

/** A train step of MinAtar's convolutional network on 2,560 rows: forward, A2C's loss, backward, clip and Adam. */
export const convStepRow = (): Promise<Row> =>
  networkRow({
    name: 'train step, MinAtar network (16 3x3, then 128) on 10x10x4 bytes',
    shape: [10, 10, 4],
    torso: defaultTorso([10, 10, 4]),
    limit: 'copying the windows, and products with 16 columns',
  })

/** The same of a 256-256 network on 8 numbers. */
export const denseStepRow = (): Promise<Row> =>
  networkRow({
    name: 'train step, 8-256-256 tanh network',
    shape: [8],
    torso: { kind: 'mlp', hidden: [256, 256], activation: 'tanh' },
    limit: 'activations and their gradients, which are no products',
  })

interface Setting {
  readonly name: string
  readonly shape: readonly number[]
  readonly torso: TorsoConfig
  readonly limit: string
}

async function networkRow({ name, shape, torso, limit }: Setting): Promise<Row> {
  const engine = t.onnxRuntimeEngine()
  const { update, close } = await trainStep(engine, shape, torso)
  const product = await matrixProduct(engine)
  const rounds = { warmup: 5, rounds: 40 }
  const [stepMs = Number.NaN, productMs = Number.NaN] = await mediansInTurn([update, product.run], rounds)
  await Promise.all([close(), product.close()])
  return higherIsBetter({
    name: `${name}, 2,560 rows, one thread`,
    value: floatingPointOperations(shape, torso) / stepMs / 1e6,
    unit: `GFLOP/s of its matrix products and convolutions (${stepMs.toFixed(1)} ms an update)`,
    baseline: {
      name: `GFLOP/s of one ${SIDE}x${SIDE} matrix product in the same runtime`,
      value: (2 * SIDE ** 3) / productMs / 1e6,
    },
    limit,
  })
}

async function trainStep(engine: t.Engine, shape: readonly number[], torso: TorsoConfig) {
  const head = categoricalHead(ACTIONS)
  const outputs = { policy: { size: head.outputs, gain: 0.01 }, value: { size: 1, gain: 1 } }
  const built = network({ name: 'net', shape, torso, outputs, shared: true })
  const dtype = shape.length === 3 ? 'uint8' : 'float32'
  const observations = column('observations', [ROWS, ...shape], dtype)
  const actions = column('actions', [ROWS], 'int32')
  const returns = column('returns', [ROWS])
  const { policy, value } = built.apply(observations)
  const logProbs = head.logProb(policy, actions)
  const loss = a2cLoss(
    { logProbs, values: t.flatten(value), entropy: head.entropy(policy), returns },
    { valueCoef: 0.5, entropyCoef: 0.01 },
  )
  const optimizer = { kind: 'adam' } as const
  const program = compile(
    {
      sets: { net: built.parameters },
      graphs: { a2c: { minimise: { net: { loss: loss.total, optimizer, maxGradNorm: 0.5 } } } },
      calls: { update: [{ run: 'a2c' }] },
      policies: {},
    },
    { name: 'networkStep', uniform: t.seededUniform(1), seed: 1 },
  )
  const runner = new ProgramRunner(engine, program)
  const random = new Random(1)
  const size = shape.reduce((product, d) => product * d, ROWS)
  const data =
    dtype === 'uint8'
      ? Uint8Array.from({ length: size }, () => (random.uniform() < 0.1 ? 1 : 0))
      : Float32Array.from({ length: size }, () => random.normal())
  const columns: Record<string, t.HostTensor> = {
    observations: { dtype, shape: [ROWS, ...shape], data },
    actions: t.int32(Int32Array.from({ length: ROWS }, () => random.integer(ACTIONS))),
    returns: t.float32(Float32Array.from({ length: ROWS }, () => random.normal())),
  }
  const inputs = { columns, rates: { learning_rate: 1e-4 } }
  return { update: async () => void (await runner.call('update', inputs)), close: () => runner.close() }
}

async function matrixProduct(engine: t.Engine) {
  const [a, b] = [t.input('a', [SIDE, SIDE]), t.input('b', [SIDE, SIDE])]
  const program = await engine.load({ name: 'product', inputs: [a, b], outputs: { y: t.gemm(a, b) } })
  const matrix = t.float32(new Float32Array(SIDE * SIDE).fill(0.5), [SIDE, SIDE])
  const into = await program.run({ a: matrix, b: matrix })
  return { run: () => program.run({ a: matrix, b: matrix }, into), close: () => program.dispose() }
}

/** Two a multiplication: forward, the weights' gradients, and the inputs' but for the first layer. */
function floatingPointOperations(shape: readonly number[], torso: TorsoConfig): number {
  const layers: number[] = []
  let left = shape
  for (const { filters, kernel, stride } of torso.kind === 'conv' ? torso.layers : []) {
    const [height = 0, width = 0, channels = 0] = left
    const [rows, columns] = [height, width].map((size) => Math.floor((size - kernel) / stride) + 1) as [number, number]
    layers.push(2 * ROWS * rows * columns * kernel * kernel * channels * filters)
    left = [rows, columns, filters]
  }
  let width = left.reduce((product, d) => product * d, 1)
  for (const next of [...torso.hidden, ACTIONS + 1]) {
    layers.push(2 * ROWS * width * next)
    width = next
  }
  return layers.reduce((sum, flop, i) => sum + flop * (i === 0 ? 2 : 3), 0)
}
