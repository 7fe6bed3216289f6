import type { TrainInputs } from '../../shared/batch/index.ts'
import type { Column } from '../../shared/batch/sampleBatch.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import { type ImpalaTrainStep, impalaTrainStep } from '../losses/index.ts'
import {
  type Engine,
  type HostTensor,
  type TrainState,
  type Trainer,
  createTrainer,
  onnxRuntimeEngine,
  seededUniform,
  tfjsEngine,
} from '../tensor/index.ts'
import type { Rates } from './learner.ts'
import type { LearnerSpec } from './learnerSpec.ts'

/** Everything a train graph is built from; plain data. */
export interface TrainSetting {
  readonly spec: LearnerSpec
  readonly policy: PolicySpec
  /** Fragment length and envs of a train batch: the graph's fixed sizes. */
  readonly T: number
  readonly B: number
  /** Of the initial weights. */
  readonly seed: number
  /** Weights and optimizer of an earlier training, to go on from; without it they are drawn from `seed`. */
  readonly state?: TrainState
}

/** One update's numbers and, where it was asked for, the new policy. */
export interface CoreTrained {
  readonly metrics: Record<string, number>
  readonly policy: Uint8Array<ArrayBuffer> | undefined
}

/** The train graph with its state, in whatever thread it is made. The initial policy is there before the engine is. */
export class TrainCore {
  /** The policy with the weights it begins with, as ONNX. */
  readonly initialPolicy: Uint8Array<ArrayBuffer>
  private readonly step: ImpalaTrainStep
  private readonly trainer: Promise<Trainer>

  /** @throws MillraceError E_GRAPH, E_POLICY_SPEC when the spaces do not fit the network, E_CHECKPOINT when `state` does not */
  constructor({ spec, policy, T, B, seed, state: earlier }: TrainSetting) {
    if (policy.action.kind !== 'discrete') {
      throw new MillraceError(
        'E_POLICY_SPEC',
        'this algorithm needs a discrete action space; the env has a box of actions',
      )
    }
    const { network, optimizer, vtrace } = spec
    this.step = impalaTrainStep({
      observationShape: policy.observation.shape,
      actions: policy.action.n,
      ...network,
      ...vtrace,
      T,
      B,
      valueCoef: spec.valueCoef,
      rewardScale: spec.rewardScale,
      reduction: spec.reduction,
      maxGradNorm: optimizer.maxGradNorm,
      optimizer: { kind: optimizer.kind, epsilon: optimizer.epsilon },
      publishValue: false,
    })
    if (earlier) checkState(earlier, this.step)
    const state = earlier ?? this.step.initialState(seededUniform(seed))
    this.initialPolicy = this.step.policy.withWeights(state.weights)
    this.trainer = createTrainer(engineOf(spec), this.step, state)
    // Whoever trains first sees the failure; until then it must not count as unhandled.
    this.trainer.catch(() => undefined)
  }

  /** @throws MillraceError E_TRAIN_DIVERGED, E_ENGINE */
  async train(inputs: Pick<TrainInputs, 'columns'>, rates: Rates, wantPolicy: boolean): Promise<CoreTrained> {
    const trainer = await this.trainer
    const feeds: Record<string, HostTensor> = {
      entropy_coef: { dtype: 'float32', shape: [], data: new Float32Array([rates.entropyCoef]) },
    }
    for (const name of BATCH_INPUTS) feeds[name] = hostTensor(name, inputs.columns[name])
    const values = await trainer.update(feeds, rates.learningRate)
    const metrics = Object.fromEntries(this.step.metricNames.map((name, i) => [name, values[i] ?? Number.NaN]))
    return { metrics, policy: wantPolicy ? await this.policy() : undefined }
  }

  async policy(): Promise<Uint8Array<ArrayBuffer>> {
    return this.step.policy.withWeights((await this.trainer).weights)
  }

  /** A copy of weights and optimizer as the last finished update left them. */
  async save(): Promise<TrainState> {
    return (await this.trainer).save()
  }

  async close(): Promise<void> {
    await (await this.trainer).dispose()
  }
}

function checkState({ weights, slots }: TrainState, { layout, slots: names }: ImpalaTrainStep): void {
  const given = Object.keys(slots)
  const named = names.length === given.length && names.every((name) => given.includes(name))
  const sized = [weights, ...Object.values(slots)].every(({ length }) => length === layout.size)
  if (named && sized) return
  throw new MillraceError(
    'E_CHECKPOINT',
    `the checkpoint has ${weights.length} weights and optimizer state ${given.join(', ') || 'of none'}; the experiment has ${layout.size} and ${names.join(', ') || 'none'}`,
  )
}

const BATCH_INPUTS = [
  'observations',
  'extra_observations',
  'next_index',
  'actions',
  'behaviour_log_probs',
  'rewards',
  'terminated',
  'episode_end',
] as const

const DTYPES = { F32: 'float32', I32: 'int32', U8: 'uint8', F64: 'float64' } as const

function hostTensor(name: string, column: Column | undefined): HostTensor {
  if (!column) throw new MillraceError('E_BATCH_SHAPE', `a train step needs the column ${name}`, { column: name })
  const { dtype, shape, data } = column
  if (dtype === 'F64')
    throw new MillraceError('E_BATCH_SHAPE', `column ${name} is F64, a train step takes F32`, { column: name })
  return { dtype: DTYPES[dtype], shape, data } as HostTensor
}

function engineOf({ engine, provider = 'cpu', threads }: LearnerSpec): Engine {
  return engine === 'tfjs' ? tfjsEngine() : onnxRuntimeEngine({ threads, provider })
}
