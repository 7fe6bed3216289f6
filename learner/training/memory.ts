import { totalmem } from 'node:os'
import { MillraceError } from '../../shared/errors.ts'
import { policyValueNetwork } from '../losses/index.ts'
import { layoutOf } from '../tensor/index.ts'
import type { TrainSetting } from './trainCore.ts'

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

/**
 * Refuses a network or a train batch that cannot fit, before anything is made. What is counted is the least that training takes: weights and
 * optimizer twice (before and after an update), the gradient, the batch, and every layer's output with its gradient.
 *
 * @throws MillraceError E_EXPERIMENT saying what takes how much and what there is
 */
export function checkMemory({ spec, policy, T, B }: TrainSetting, memory: Memory): void {
  if (policy.action.kind !== 'discrete') return // refused in words of its own
  const { network, optimizer } = spec
  const { hidden } = network
  const { parameters } = policyValueNetwork({
    observationShape: policy.observation.shape,
    actions: policy.action.n,
    ...network,
  })
  const weights = layoutOf(parameters).size
  const slots = optimizer.kind === 'adam' ? 2 : 1
  const ofWeights = weights * BYTES * (2 * (1 + slots) + 1)
  const observation = policy.observation.shape.reduce((size, side) => size * side, 1)
  const units = hidden.reduce((sum, width) => sum + width, 0)
  const ofBatch = T * B * BYTES * (observation + ROW_EXTRAS + 2 * units)
  const described = `a network with hidden [${hidden.join(', ')}] has ${weights.toLocaleString('en-US')} weights`
  const refuse = (what: string, todo: string) => new MillraceError('E_EXPERIMENT', `${what}; ${todo}`)
  if (weights * BYTES > LONGEST_MODEL)
    throw refuse(`${described}, ${size(weights * BYTES)}: a policy has less than 2 GiB`, 'make hidden smaller')
  if (memory.function !== undefined && weights * BYTES * POLICY_COPIES > memory.function)
    throw refuse(
      `${described}; its policy takes ${size(weights * BYTES * POLICY_COPIES)} in a function, which has ${size(memory.function)}`,
      'make hidden smaller',
    )
  if (ofWeights + ofBatch <= memory.learner) return
  const has = `this machine has ${size(memory.learner)}`
  if (ofWeights > ofBatch)
    throw refuse(`${described}; training takes ${size(ofWeights)} for them, ${has}`, 'make hidden smaller')
  const rows = `a train batch of ${T} x ${B} env steps takes ${size(ofBatch)}`
  throw refuse(`${rows}, ${has}`, 'make the train batch (algorithm.trainBatchSteps) or hidden smaller')
}

function size(bytes: number): string {
  const gib = bytes / 1024 ** 3
  return gib < 1 ? `${Math.ceil(bytes / 1024 ** 2)} MiB` : `${gib < 1e4 ? gib.toFixed(1) : gib.toPrecision(3)} GiB`
}
