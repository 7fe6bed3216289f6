// Typed-array reads use `!`: every index is within the sizes made in VectorBase.
import { isMillraceError } from '../errors.ts'
import type { Random } from '../random.ts'
import { isThenable, showThrown } from '../showValue.ts'
import { closeEnvs, forgetOpen, rememberOpen } from './closing.ts'
import type { Env, EnvConfig, EnvDefinition, PlainData, StepOutcome } from './env.ts'
import { makeEnvs } from './makeEnvs.ts'
import { ObservationCheck, UNWRITTEN, unwrittenFault } from './observationCheck.ts'
import { maskFault, outcomeFault, promiseFault, resetFault } from './outcome.ts'
import { choicesOf, type BoxSpace, type ObservationSpace } from './space.ts'
import { VectorActions } from './vectorActions.ts'
import { VectorBase } from './vectorBase.ts'

/**
 * B envs of one definition stepped as one; any Env will do.
 *
 * - An episode of `maxEpisodeSteps` steps is truncated (Gymnasium's TimeLimit); where an env also terminates, that wins.
 * - A discrete observation of n becomes a one-hot row [n], which is what a network wants; a box of shape [] becomes [1].
 * - All that an env gives is checked at every call: what `reset` and `step` return, that `reset` writes the whole row, and that
 *   observations are finite and in their space. What is wrong, an action outside the action space, and an error of the env are
 *   E_ENV_STEP, naming env, index and step. After such an error only `reset` or `load` makes the vector usable again.
 */
export class EnvVector extends VectorBase {
  private readonly envs: readonly Env[]
  /** Where the envs write: `observations`, or numbers beside it: one element an env when an observation is an index, all of them when it is bytes. */
  private readonly written: Float32Array
  /** The same memory, for what `reset` has not written. */
  private readonly writtenBits: Uint32Array
  /** Each env's part of `written`. */
  private readonly rows: readonly Float32Array[]
  readonly oneHot: boolean
  readonly actionMasks: Uint8Array | undefined
  /** Each env's part of it. */
  private readonly maskRows: readonly Uint8Array[]
  private readonly check: ObservationCheck
  private toldOfNothing = false
  private everWritten = false
  private readonly maxEpisodeSteps: number
  private readonly actions: VectorActions
  private readonly refuseAction = (index: number, what: string): Error => this.fault(index, what)
  private closed = false

  /** @throws MillraceError E_ENV_SPACE, E_ENV_CONFIG; and whatever `definition.make` throws */
  constructor(definition: EnvDefinition, numEnvs: number, config: EnvConfig = {}) {
    const { envs, observation, action } = makeEnvs(definition, numEnvs, config)
    super(definition.id, numEnvs, { observation: asBox(observation), action })
    this.envs = envs
    this.maxEpisodeSteps = definition.maxEpisodeSteps ?? Infinity
    this.oneHot = observation.kind === 'discrete'
    const { observations } = this
    const isWrittenTo = !this.oneHot && observations instanceof Float32Array
    this.written = isWrittenTo ? observations : new Float32Array(this.oneHot ? numEnvs : observations.length)
    this.writtenBits = new Uint32Array(this.written.buffer)
    this.rows = rows(this.written, numEnvs)
    this.check = new ObservationCheck(this.observationSpace, this.size)
    const choices = choicesOf(action).reduce((sum, n) => sum + n, 0)
    this.actionMasks = envs[0]?.actionMask && new Uint8Array(numEnvs * choices)
    this.maskRows = this.actionMasks ? rows(this.actionMasks, numEnvs) : []
    this.actions = new VectorActions(action, numEnvs)
    if (envs.some((env) => env.close !== undefined)) rememberOpen(this)
  }

  step(actions: Int32Array | Float32Array): void {
    this.beginStep(actions)
    const { envs, rewards, terminated, truncated, episodeReturns, episodeLengths } = this
    for (let i = 0; i < envs.length; i++) {
      const outcome: unknown = this.stepEnv(i, this.actions.of(i, actions, this.refuseAction))
      const length = ++episodeLengths[i]!
      if (typeof outcome !== 'object' || outcome === null) throw this.stepFault(i, outcome)
      // Each field is read once: it may be a getter.
      const { reward, terminated: done, truncated: cutOff } = outcome as StepOutcome
      if (typeof reward !== 'number' || typeof done !== 'boolean' || typeof cutOff !== 'boolean')
        throw this.stepFault(i, outcome)
      rewards[i] = reward
      if (!Number.isFinite(rewards[i])) {
        const todo = 'a reward is a finite number that float32 holds'
        throw this.fault(i, `gave a reward of ${reward}`, { todo, code: methodOf(envs[i]!, 'step') })
      }
      episodeReturns[i]! += reward
      const cut = !done && (cutOff || length >= this.maxEpisodeSteps)
      terminated[i] = done ? 1 : 0
      truncated[i] = cut ? 1 : 0
      this.encode(i)
      if (done || cut) {
        this.checkObservations(i, i + 1, 'step')
        this.startNextEpisode(i)
      }
      this.askMask(i)
    }
    this.checkObservations(0, this.numEnvs)
  }

  override reset(seed: number): void {
    if (this.closed) throw this.fault(0, 'was reset after it was closed')
    super.reset(seed)
    this.checkObservations(0, this.numEnvs, 'reset')
    for (let i = 0; i < this.numEnvs; i++) this.askMask(i)
  }

  /** Closes every env, once; the vector cannot be used afterwards. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.randoms = []
    forgetOpen(this)
    closeEnvs(this.envs, this.id)
  }

  protected resetEnv(index: number, random: Random): void {
    const env = this.envs[index]!
    const width = this.oneHot ? 1 : this.size
    const from = index * width
    this.writtenBits.fill(UNWRITTEN, from, from + width)
    let given: unknown
    try {
      given = env.reset(this.rows[index]!, random)
    } catch (cause) {
      throw this.fault(index, `failed to reset: ${showThrown(cause)}`, {
        cause,
        episodeStep: 0,
        code: methodOf(env, 'reset'),
      })
    }
    // The row itself, as an arrow function gives it (`(o) => o.fill(0)`), was written to.
    if (given !== undefined && given !== this.rows[index]) {
      const { what, todo } = resetFault(given)
      throw this.fault(index, what, { todo, episodeStep: 0, code: methodOf(env, 'reset') })
    }
    if (this.writtenBits[from] === UNWRITTEN) this.nothingWritten(index)
    else this.everWritten = true
    this.encode(index)
  }

  get canSave(): boolean {
    return this.envs.every((env) => env.save !== undefined && env.load !== undefined)
  }

  protected saveEnv(index: number): PlainData | undefined {
    const env = this.envs[index]!
    try {
      return env.load ? env.save?.() : undefined
    } catch (cause) {
      throw this.fault(index, `failed to save: ${showThrown(cause)}`, { cause, code: methodOf(env, 'save') })
    }
  }

  protected loadEnv(index: number, state: PlainData, random: Random): void {
    const env = this.envs[index]!
    // What it wrote last is not kept, and a step may leave it as it is.
    const from = index * this.size
    if (this.oneHot) this.written[index] = this.observations.indexOf(1, from) - from
    else this.rows[index]!.set(this.observations.subarray(from, from + this.size))
    let given: unknown
    try {
      given = env.load?.(state, random)
    } catch (cause) {
      if (isMillraceError(cause)) throw cause
      throw this.fault(index, `failed to load: ${showThrown(cause)}`, { cause, code: methodOf(env, 'load') })
    }
    if (!isThenable(given)) {
      this.askMask(index)
      return
    }
    const { what, todo } = promiseFault('load', given)
    throw this.fault(index, what, { todo, code: methodOf(env, 'load') })
  }

  private stepEnv(index: number, action: number | Int32Array | Float32Array): StepOutcome {
    try {
      return this.envs[index]!.step(action, this.rows[index]!)
    } catch (cause) {
      throw this.fault(index, `failed to step: ${showThrown(cause)}`, {
        cause,
        code: methodOf(this.envs[index]!, 'step'),
      })
    }
  }

  private stepFault(index: number, outcome: unknown): Error {
    const { what, todo } = outcomeFault(outcome)
    return this.fault(index, what, { todo, code: methodOf(this.envs[index]!, 'step') })
  }

  /** An env that never writes anything has nothing to see: zeros. Where it takes the observation it may have forgotten, and is told once. */
  private nothingWritten(index: number): void {
    const env = this.envs[index]!
    const blind = methodOf(env, 'reset').length === 0 && methodOf(env, 'step').length < 2
    const nothing = this.bitsOf(index).every((word) => word === UNWRITTEN)
    if (!nothing || this.everWritten || (this.oneHot && !blind)) throw this.unwritten(index)
    this.rows[index]!.fill(0)
    if (blind || this.toldOfNothing) return
    this.toldOfNothing = true
    console.warn(`warning: ${this.id} writes nothing into the observation in reset; it is taken for zeros`)
  }

  private unwritten(index: number): Error {
    const bits = this.bitsOf(index)
    const missing = bits.reduce((count, word) => count + Number(word === UNWRITTEN), 0)
    const { what, todo } = unwrittenFault(bits.length - missing, bits.length, bits.indexOf(UNWRITTEN))
    return this.fault(index, what, { todo, episodeStep: 0, code: methodOf(this.envs[index]!, 'reset') })
  }

  private bitsOf(index: number): Uint32Array {
    const width = this.rows[index]!.length
    return this.writtenBits.subarray(index * width, (index + 1) * width)
  }

  /** From what the env has written to its row of `observations`, where they are not the same memory. */
  private encode(index: number): void {
    if (this.written === this.observations) return
    if (!this.oneHot) {
      this.observations.set(this.rows[index]!, index * this.size)
      return
    }
    const hot = this.written[index]!
    if (!(hot >= 0 && hot < this.size && Number.isInteger(hot))) {
      const todo = 'a discrete observation is one element: an integer from 0 on, below n'
      throw this.fault(index, `gave observation ${hot}, which is not in Discrete(${this.size})`, { todo })
    }
    const from = index * this.size
    this.observations.fill(0, from, from + this.size)
    this.observations[from + hot] = 1
  }

  private askMask(index: number): void {
    const mask = this.maskRows[index]
    if (!mask) return
    const env = this.envs[index]!
    mask.fill(1)
    try {
      env.actionMask!(mask)
    } catch (cause) {
      const code = methodOf(env, 'actionMask')
      throw this.fault(index, `failed to mask its actions: ${showThrown(cause)}`, { cause, code })
    }
    const wrong = maskFault(mask, choicesOf(this.actionSpace))
    if (wrong) throw this.fault(index, wrong.what, { todo: wrong.todo, code: methodOf(env, 'actionMask') })
  }

  /** @param by who wrote these rows; unless told, `reset` where an episode has just ended, else `step` */
  private checkObservations(fromEnv: number, toEnv: number, by?: 'reset' | 'step'): void {
    if (this.oneHot) return // `encode` has checked the index
    const { written, size } = this
    const wrong = this.check.firstWrong(written, fromEnv * size, toEnv * size)
    if (wrong < 0) return
    const index = Math.floor(wrong / size)
    if (this.writtenBits[wrong] === UNWRITTEN) throw this.unwritten(index)
    const fromReset = by === undefined ? this.ended(index) : by === 'reset'
    const { what, todo } = this.check.fault(written, wrong)
    const code = methodOf(this.envs[index]!, fromReset ? 'reset' : 'step')
    throw this.fault(index, what, { todo, code, ...(fromReset && { episodeStep: 0 }) })
  }
}

type Method = 'reset' | 'step' | 'save' | 'load' | 'actionMask'

/** For its text and its number of parameters; it is not called. */
function methodOf(env: Env, name: Method): { readonly length: number } {
  return env[name] ?? { length: 0 }
}

/** The space a VectorEnv shows for an Env's observations. */
function asBox(space: ObservationSpace): BoxSpace {
  if (space.kind === 'discrete') return { kind: 'box', shape: [space.n], low: 0, high: 1 }
  return space.shape.length === 0 ? { ...space, shape: [1] } : space
}

function rows<A extends Float32Array | Int32Array | Uint8Array>(buffer: A, count: number): readonly A[] {
  const size = buffer.length / count
  return Array.from({ length: count }, (_, i) => buffer.subarray(i * size, (i + 1) * size) as A)
}
