import { type HostTensor, float32, int32 } from '../tensor/index.ts'
import type { ParameterSet } from './program.ts'
import type { SetState } from './state.ts'

/** A set of weights under training, held twice: an update reads the one and writes the other. */
export class SetBuffers {
  private current: Buffers
  private spare: Buffers
  private readonly name: string

  constructor(name: string, state: SetState) {
    this.name = name
    this.current = buffersOf(name, state)
    this.spare = buffersOf(name, state)
  }

  /** What graphs are fed, by the name of the input. */
  get read(): Readonly<Record<string, HostTensor>> {
    return this.current.tensors
  }

  /** Where an update goes, by the name of the output. */
  get write(): Readonly<Record<string, HostTensor>> {
    return this.spare.outputs
  }

  /** What was written counts from now on. */
  swap(): void {
    ;[this.current, this.spare] = [this.spare, this.current]
  }

  /** Where assigned weights go, by the name of the output. */
  get assigned(): Readonly<Record<string, HostTensor>> {
    const name = `new.set.${this.name}`
    return { [name]: this.spare.outputs[name] as HostTensor }
  }

  /** What was assigned counts from now on. The optimizer's state stays. */
  assign(): void {
    this.current.state.weights.set(this.spare.state.weights)
  }

  /** [P]; valid until the next update begins. */
  get weights(): Float32Array {
    return this.current.state.weights
  }

  /** this = tau from + (1 - tau) this */
  blend(from: Float32Array, tau: number): void {
    const { weights } = this
    if (tau === 1) weights.set(from)
    else for (let i = 0; i < weights.length; i++) weights[i] = tau * from[i]! + (1 - tau) * weights[i]!
  }

  /** A copy. */
  save(): SetState {
    const { weights, slots, step } = this.current.state
    const copies = Object.entries(slots).map(([slot, values]) => [slot, values.slice()] as const)
    return { weights: weights.slice(), slots: Object.fromEntries(copies), step: step[0] ?? 0 }
  }
}

interface Buffers {
  readonly state: {
    readonly weights: Float32Array
    readonly slots: Readonly<Record<string, Float32Array>>
    readonly step: Int32Array
  }
  readonly tensors: Readonly<Record<string, HostTensor>>
  /** The same memory, as outputs are named. */
  readonly outputs: Readonly<Record<string, HostTensor>>
}

function buffersOf(name: string, { weights, slots, step }: SetState): Buffers {
  const copies = Object.fromEntries(Object.entries(slots).map(([slot, values]) => [slot, values.slice()]))
  const state = { weights: weights.slice(), slots: copies, step: Int32Array.of(step) }
  const vectors = Object.entries(copies).map(([slot, values]) => [`slot.${name}.${slot}`, float32(values)] as const)
  const tensors = {
    [`set.${name}`]: float32(state.weights),
    ...Object.fromEntries(vectors),
    [`step.${name}`]: int32(state.step, []),
  }
  const outputs = Object.fromEntries(Object.entries(tensors).map(([read, tensor]) => [`new.${read}`, tensor]))
  return { state, tensors, outputs }
}

/** A set as it begins. */
export const beginning = ({ initial, slots }: ParameterSet): SetState => ({
  weights: initial,
  slots: Object.fromEntries(slots.map((slot) => [slot, new Float32Array(initial.length)])),
  step: 0,
})
