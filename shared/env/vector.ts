// Typed-array reads use `!`: every index is within the sizes made in VectorBase.
import { MillraceError } from '../errors.ts'
import type { Random } from '../random.ts'
import type { Env, EnvConfig, EnvDefinition, PlainData, StepOutcome } from './env.ts'
import { boxBounds, describeSpace, spaceSize, validateSpace } from './space.ts'
import type { BoxSpace, Space } from './space.ts'
import { VectorBase } from './vectorBase.ts'

/**
 * B envs of one definition stepped as one; any Env will do.
 *
 * - An episode of `maxEpisodeSteps` steps is truncated (Gymnasium's TimeLimit); where an env also terminates, that wins.
 * - A discrete observation of n becomes a one-hot row [n], which is what a network wants; a box of shape [] becomes [1].
 * - Actions outside the action space, rewards and observations that are not finite, and errors of the env are E_ENV_STEP,
 *   naming env, index and step. After such an error only `reset` or `load` makes the vector usable again.
 */
export class EnvVector extends VectorBase {
  private readonly envs: readonly Env[]
  /** Where each env writes: its row of `observations`, or one element when its observation is an index. */
  private readonly written: readonly Float32Array[]
  readonly oneHot: boolean
  private readonly maxEpisodeSteps: number
  /** For box actions: a copy of them, its rows (what the envs get), and the bounds of the space. */
  private readonly box:
    | { actions: Float32Array; rows: readonly Float32Array[]; low: Float32Array; high: Float32Array }
    | undefined

  /** @throws MillraceError E_ENV_SPACE, E_ENV_CONFIG; and whatever `definition.make` throws */
  constructor(definition: EnvDefinition, numEnvs: number, config: EnvConfig = {}) {
    const first = definition.make(config)
    validateSpace(first.observationSpace, `the observation space of ${definition.id}`)
    validateSpace(first.actionSpace, `the action space of ${definition.id}`)
    super(definition.id, numEnvs, { observation: asBox(first.observationSpace), action: first.actionSpace })
    this.envs = [first, ...Array.from({ length: numEnvs - 1 }, () => sameSpaces(definition, config, first))]
    this.maxEpisodeSteps = definition.maxEpisodeSteps ?? Infinity
    this.oneHot = first.observationSpace.kind === 'discrete'
    this.written = this.oneHot ? this.envs.map(() => new Float32Array(1)) : rows(this.observations, numEnvs)
    if (first.actionSpace.kind === 'box') {
      const actions = new Float32Array(numEnvs * spaceSize(first.actionSpace))
      this.box = { actions, rows: rows(actions, numEnvs), ...boxBounds(first.actionSpace) }
    } else {
      this.box = undefined
    }
  }

  step(actions: Int32Array | Float32Array): void {
    this.beginStep(actions)
    if (this.box) this.box.actions.set(actions)
    const { envs, rewards, terminated, truncated, episodeReturns, episodeLengths } = this
    for (let i = 0; i < envs.length; i++) {
      const outcome = this.stepEnv(i, this.box ? this.boxAction(i, this.box) : this.discreteAction(i, actions[i]!))
      const length = ++episodeLengths[i]!
      rewards[i] = outcome.reward
      if (!Number.isFinite(rewards[i])) throw this.fault(i, `gave a reward of ${outcome.reward}`)
      episodeReturns[i]! += outcome.reward
      const done = outcome.terminated
      const cut = !done && (outcome.truncated || length >= this.maxEpisodeSteps)
      terminated[i] = done ? 1 : 0
      truncated[i] = cut ? 1 : 0
      if (this.oneHot) this.encode(i)
      if (done || cut) {
        this.checkObservations(i, i + 1)
        this.startNextEpisode(i)
      }
    }
    this.checkObservations(0, this.numEnvs)
  }

  override reset(seed: number): void {
    super.reset(seed)
    this.checkObservations(0, this.numEnvs)
  }

  protected resetEnv(index: number, random: Random): void {
    try {
      this.envs[index]!.reset(this.written[index]!, random)
    } catch (cause) {
      throw this.fault(index, `failed to reset: ${String(cause)}`, cause)
    }
    if (this.oneHot) this.encode(index)
  }

  protected saveEnv(index: number): PlainData | undefined {
    return this.envs[index]!.load ? this.envs[index]!.save?.() : undefined
  }

  protected loadEnv(index: number, state: PlainData, random: Random): void {
    this.envs[index]!.load?.(state, random)
  }

  private stepEnv(index: number, action: number | Float32Array): StepOutcome {
    try {
      return this.envs[index]!.step(action, this.written[index]!)
    } catch (cause) {
      throw this.fault(index, `failed to step: ${String(cause)}`, cause)
    }
  }

  private discreteAction(index: number, action: number): number {
    const { actionSpace } = this
    if (actionSpace.kind === 'discrete' && action >= 0 && action < actionSpace.n && Number.isInteger(action))
      return action
    throw this.fault(index, `got action ${action}, which is not in ${describeSpace(actionSpace)}`)
  }

  private boxAction(index: number, box: NonNullable<EnvVector['box']>): Float32Array {
    const row = box.rows[index]!
    for (let j = 0; j < row.length; j++) {
      if (row[j]! >= box.low[j]! && row[j]! <= box.high[j]!) continue
      throw this.fault(
        index,
        `got action ${row[j]} at element ${j}, which is not in ${describeSpace(this.actionSpace)}`,
      )
    }
    return row
  }

  private encode(index: number): void {
    const hot = this.written[index]![0]!
    if (!Number.isInteger(hot) || hot < 0 || hot >= this.size) {
      throw this.fault(index, `gave observation ${hot}, which is not in Discrete(${this.size})`)
    }
    const from = index * this.size
    this.observations.fill(0, from, from + this.size)
    this.observations[from + hot] = 1
  }

  /** A number minus itself is 0 when finite and NaN otherwise: no branch an element; the culprit is looked for only when there is one. */
  private checkObservations(fromEnv: number, toEnv: number): void {
    const { observations, size } = this
    let sum = 0
    for (let i = fromEnv * size; i < toEnv * size; i++) sum += observations[i]! - observations[i]!
    if (sum === 0) return
    const wrong = observations.findIndex((value, i) => i >= fromEnv * size && !Number.isFinite(value))
    throw this.fault(
      Math.floor(wrong / size),
      `gave an observation of ${observations[wrong]} at element ${wrong % size}`,
    )
  }
}

/** The space a VectorEnv shows for an Env's observations. */
function asBox(space: Space): BoxSpace {
  if (space.kind === 'discrete') return { kind: 'box', shape: [space.n], low: 0, high: 1 }
  return space.shape.length === 0 ? { ...space, shape: [1] } : space
}

function sameSpaces(definition: EnvDefinition, config: EnvConfig, first: Env): Env {
  const env = definition.make(config)
  for (const name of ['observationSpace', 'actionSpace'] as const) {
    const [expected, got] = [describeSpace(first[name]), describeSpace(env[name])]
    if (expected === got) continue
    const message = `${definition.id} has another ${name} each time it is made: ${expected}, then ${got}`
    throw new MillraceError('E_ENV_SPACE', message, { env: definition.id })
  }
  return env
}

function rows(buffer: Float32Array, count: number): readonly Float32Array[] {
  const size = buffer.length / count
  return Array.from({ length: count }, (_, i) => buffer.subarray(i * size, (i + 1) * size))
}
