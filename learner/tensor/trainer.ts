import { MillraceError } from '../../shared/errors.ts'
import type { Engine, LoadedProgram } from './engines/engine.ts'
import { float32, int32, type HostTensor } from './host.ts'
import type { TrainState, TrainStep } from './trainStep.ts'

/** A train step loaded in an engine together with its state. */
export interface Trainer {
  /** The weights after the last update [P]; valid until the next one begins, so copy what must stay. */
  readonly weights: Float32Array
  /** Updates done. */
  readonly step: number
  /**
   * One update; one at a time.
   *
   * @param feeds what the loss is fed, by name
   * @returns the numbers of `TrainStep.metricNames`, valid until the next update
   * @throws MillraceError E_TRAIN_DIVERGED if one of them is not finite; the state is then that of before the update
   */
  update(feeds: Readonly<Record<string, HostTensor>>, learningRate: number): Promise<Float32Array>
  /** A copy of everything an update changes. */
  save(): TrainState
  dispose(): Promise<void>
}

/** The state's tensors under the names that a graph reads, and the same memory under the names that it writes. */
interface Buffers {
  readonly read: Readonly<Record<string, HostTensor>>
  readonly write: Readonly<Record<string, HostTensor>>
}

/** Loads a train step. The state is copied. */
export async function createTrainer(engine: Engine, trainStep: TrainStep, state: TrainState): Promise<Trainer> {
  const program: LoadedProgram = await engine.load(trainStep.graph)
  let current = buffers(trainStep, state)
  let spare = buffers(trainStep, state)
  const metrics = float32(new Float32Array(trainStep.metricNames.length))
  const rate = float32(new Float32Array(1), [])
  const vector = (name: string) => current.read[name]?.data as Float32Array
  return {
    get weights() {
      return vector('weights')
    },
    get step() {
      return Number(current.read['step']?.data[0])
    },
    update: async (feeds, learningRate) => {
      rate.data[0] = learningRate
      await program.run({ ...feeds, ...current.read, learning_rate: rate }, { ...spare.write, metrics })
      const values = metrics.data as Float32Array
      const bad = values.findIndex((x) => !Number.isFinite(x))
      if (bad >= 0) throw diverged(trainStep.metricNames[bad] ?? '', values[bad] as number)
      ;[current, spare] = [spare, current]
      return values
    },
    save: () => ({
      weights: vector('weights').slice(),
      slots: Object.fromEntries(trainStep.slots.map((slot) => [slot, vector(`slot_${slot}`).slice()])),
      step: Number(current.read['step']?.data[0]),
    }),
    dispose: async () => await program.dispose(),
  }
}

function buffers(trainStep: TrainStep, state: TrainState): Buffers {
  const read: Record<string, HostTensor> = { weights: float32(state.weights.slice()), step: int32([state.step], []) }
  for (const slot of trainStep.slots) {
    const values = state.slots[slot]
    if (values?.length !== trainStep.layout.size) {
      throw new MillraceError(
        'E_GRAPH',
        `optimizer state "${slot}" wants ${trainStep.layout.size} numbers, got ${values?.length ?? 0}`,
      )
    }
    read[`slot_${slot}`] = float32(values.slice())
  }
  return { read, write: Object.fromEntries(Object.entries(read).map(([name, tensor]) => [`new_${name}`, tensor])) }
}

const diverged = (metric: string, value: number): MillraceError =>
  new MillraceError('E_TRAIN_DIVERGED', `${metric} is ${value} after an update; the weights of before it were kept`, {
    metric,
    value,
  })
