import { totalmem } from 'node:os'
import { MillraceError } from '../../shared/errors.ts'
import type { ProgramSizes } from '../algorithm.ts'
import { type ProgramDescription, parametersOf, slotsOf } from '../program/index.ts'
import { layoutOf } from '../tensor/index.ts'

/** Numbers of a train row beside its observation: action, log-probability, reward, two flags, an index. */
const ROW_EXTRAS = 6
/** An ONNX file is a protobuf message, and those end here. */
const LONGEST_MODEL = 2 ** 31 - 1
/** A function has the file, and the session its own copy. */
const POLICY_COPIES = 2
const BYTES = 4

/** What there is, in bytes. */
export interface Memory {
  readonly learner: number
  /** Undefined where functions share the learner's. */
  readonly function: number | undefined
}

/** Of this machine, or of the container that this process is in. */
export function learnerMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/** What is trained on, and the settings that name it. */
export interface Trained extends ProgramSizes {
  readonly config: Readonly<Record<string, unknown>>
}

/**
 * Refuses a network or a train batch that cannot fit, before anything is made. What is counted is the least that training takes: weights and
 * optimizer twice (before and after an update), the gradient, the batch, and every layer's output with its gradient.
 *
 * @throws MillraceError E_EXPERIMENT saying what takes how much and what there is
 */
export function checkMemory(program: ProgramDescription, { policy, T, B, config }: Trained, memory: Memory): void {
  const sets = setSizes(program)
  const all = [...sets.values()]
  const weights = all.reduce((sum, set) => sum + set.weights, 0)
  const published = Math.max(
    ...Object.values(program.policies).map((policy) =>
      policy.sets.reduce((sum, set) => sum + (sets.get(set)?.weights ?? 0), 0),
    ),
  )
  const ofWeights = all.reduce((sum, { weights: own, slots }) => sum + own * BYTES * (2 * (1 + slots) + 1), 0)
  const observation = policy.observation.shape.reduce((product, side) => product * side, 1)
  const units = all.reduce((sum, set) => sum + set.units, 0)
  const seen = observation * (policy.observation.dtype === 'uint8' ? 1 : BYTES)
  const ofBatch = T * B * (seen + BYTES * (ROW_EXTRAS + 2 * units))
  const hidden = Array.isArray(config['hidden']) ? ` with hidden [${config['hidden'].join(', ')}]` : ''
  const described = `a network${hidden} has ${weights.toLocaleString('en-US')} weights`
  const refuse = (what: string, todo: string) => new MillraceError('E_EXPERIMENT', `${what}; ${todo}`)
  if (published * BYTES > LONGEST_MODEL)
    throw refuse(`${described}, ${size(weights * BYTES)}: a policy has less than 2 GiB`, 'make hidden smaller')
  if (memory.function !== undefined && published * BYTES * POLICY_COPIES > memory.function)
    throw refuse(
      `${described}; its policy takes ${size(published * BYTES * POLICY_COPIES)} in a function, which has ${size(memory.function)}`,
      'make hidden smaller',
    )
  if (ofWeights + ofBatch <= memory.learner) return
  const has = `this machine has ${size(memory.learner)}`
  if (ofWeights > ofBatch)
    throw refuse(`${described}; training takes ${size(ofWeights)} for them, ${has}`, 'make hidden smaller')
  const rows = `a train batch of ${T} x ${B} env steps takes ${size(ofBatch)}`
  throw refuse(`${rows}, ${has}`, 'make the train batch (algorithm.trainBatchSteps) or hidden smaller')
}

interface SetSize {
  readonly weights: number
  /** Vectors of optimizer state. */
  readonly slots: number
  /** Numbers that its layers give for one entry: as many as they have biases. */
  readonly units: number
}

function setSizes(program: ProgramDescription): Map<string, SetSize> {
  return new Map(
    Object.entries(program.sets).map(([name, set]) => {
      const parameters = parametersOf(set)
      const slots = slotsOf(program, name).length
      const units = parameters.reduce((sum, { shape }) => sum + (shape.length === 1 ? Number(shape[0]) : 0), 0)
      return [name, { weights: layoutOf(parameters).size, slots, units }] as const
    }),
  )
}

function size(bytes: number): string {
  const gib = bytes / 1024 ** 3
  return gib < 1 ? `${Math.ceil(bytes / 1024 ** 2)} MiB` : `${gib < 1e4 ? gib.toFixed(1) : gib.toPrecision(3)} GiB`
}
