// Typed-array reads use `!`: every index is within the sizes made here.
import { MillraceError } from '../errors.ts'
import { Random, deriveSeed } from '../random.ts'
import { positionOfCode, showPosition, userTrace } from '../userCode/index.ts'
import type { PlainData, VectorEnv, VectorEnvState } from './env.ts'
import { spaceSize } from './space.ts'
import type { BoxSpace, Space } from './space.ts'

/** What is known of a fault beside what the env did. */
export interface FaultOptions {
  /** What was thrown. */
  readonly cause?: unknown
  /** What the user can do. */
  readonly todo?: string | undefined
  /** That of the running episode unless told. */
  readonly episodeStep?: number
  /** The method of the user's that is at fault, where there is no stack. */
  readonly code?: unknown
}

/** @throws MillraceError E_ENV_CONFIG */
export function checkNumEnvs(id: string, numEnvs: number): void {
  if (Number.isInteger(numEnvs) && numEnvs >= 1) return
  throw new MillraceError('E_ENV_CONFIG', `${id} wants numEnvs >= 1, got ${numEnvs}`, { env: id, numEnvs })
}

/**
 * What every VectorEnv has: the buffers, the random streams, saving and loading.
 *
 * Env i draws from its own stream, seeded with `deriveSeed(seed, 'env', i)`, which goes on over its episodes: its
 * trajectory depends on the seed, its index and its actions, never on how many envs there are or how the others fare.
 */
export abstract class VectorBase implements VectorEnv {
  readonly id: string
  readonly numEnvs: number
  readonly observationSpace: BoxSpace
  readonly actionSpace: Space
  readonly observations: Float32Array | Uint8Array
  readonly rewards: Float32Array
  readonly terminated: Uint8Array
  readonly truncated: Uint8Array
  readonly finalObservations: Float32Array | Uint8Array
  readonly episodeReturns: Float64Array
  readonly episodeLengths: Int32Array
  /** One a env; empty before the first `reset` or `load`. */
  protected randoms: readonly Random[] = []
  /** Numbers an observation takes. */
  protected readonly size: number

  /** @throws MillraceError E_ENV_CONFIG */
  constructor(id: string, numEnvs: number, spaces: { readonly observation: BoxSpace; readonly action: Space }) {
    checkNumEnvs(id, numEnvs)
    this.id = id
    this.numEnvs = numEnvs
    this.observationSpace = spaces.observation
    this.actionSpace = spaces.action
    this.size = spaceSize(spaces.observation)
    const Numbers = spaces.observation.dtype === 'uint8' ? Uint8Array : Float32Array
    this.observations = new Numbers(numEnvs * this.size)
    this.finalObservations = new Numbers(numEnvs * this.size)
    this.rewards = new Float32Array(numEnvs)
    this.terminated = new Uint8Array(numEnvs)
    this.truncated = new Uint8Array(numEnvs)
    this.episodeReturns = new Float64Array(numEnvs)
    this.episodeLengths = new Int32Array(numEnvs)
  }

  abstract step(actions: Int32Array | Float32Array): void
  /** Starts an episode of one env and writes its row of `observations`. */
  protected abstract resetEnv(index: number, random: Random): void
  protected abstract saveEnv(index: number): PlainData | undefined
  protected abstract loadEnv(index: number, state: PlainData, random: Random): void

  reset(seed: number): void {
    this.forgetEpisodes()
    this.randoms = Array.from({ length: this.numEnvs }, (_, i) => new Random(deriveSeed(seed, 'env', i)))
    this.randoms.forEach((random, i) => this.resetEnv(i, random))
  }

  save(): VectorEnvState | undefined {
    const envs: PlainData[] = []
    for (let i = 0; i < this.randoms.length; i++) {
      const state = this.saveEnv(i)
      if (state === undefined) return undefined
      envs.push(state)
    }
    if (envs.length === 0) return undefined
    const running = (value: number, i: number) => (this.ended(i) ? 0 : value)
    return {
      observations: Array.from(this.observations),
      episodeReturns: Array.from(this.episodeReturns, running),
      episodeLengths: Array.from(this.episodeLengths, running),
      randoms: this.randoms.map((random) => random.save()),
      envs,
    }
  }

  /** @throws MillraceError E_ENV_CONFIG when the state is of another number of envs or another size of observation */
  load(state: VectorEnvState): void {
    if (state.envs.length !== this.numEnvs || state.observations.length !== this.observations.length) {
      const got = `${state.envs.length} envs with ${state.observations.length} observed values`
      const expected = `${this.numEnvs} with ${this.observations.length}`
      throw new MillraceError('E_ENV_CONFIG', `the saved state of ${this.id} has ${got}, expected ${expected}`, {
        env: this.id,
      })
    }
    this.forgetEpisodes()
    this.observations.set(state.observations)
    this.episodeReturns.set(state.episodeReturns)
    this.episodeLengths.set(state.episodeLengths)
    this.randoms = state.randoms.map((words) => {
      const random = new Random(0)
      random.load(words)
      return random
    })
    this.randoms.forEach((random, i) => this.loadEnv(i, state.envs[i]!, random))
  }

  protected ended(index: number): boolean {
    return (this.terminated[index]! | this.truncated[index]!) !== 0
  }

  /** Keeps the last observation of an ended episode and starts the next one. Its return and length stand until the next step. */
  protected startNextEpisode(index: number): void {
    const from = index * this.size
    this.finalObservations.set(this.observations.subarray(from, from + this.size), from)
    this.resetEnv(index, this.randoms[index]!)
  }

  /** To be called first in every `step`: checks the actions' size, and forgets what the last step ended. */
  protected beginStep(actions: Int32Array | Float32Array): void {
    const expected = this.numEnvs * spaceSize(this.actionSpace)
    if (actions.length !== expected) {
      throw new MillraceError('E_ENV_STEP', `${this.id} got ${actions.length} action values, expected ${expected}`, {
        env: this.id,
      })
    }
    if (this.randoms.length === 0) {
      throw new MillraceError('E_ENV_STEP', `${this.id} was stepped before its first reset(seed)`, { env: this.id })
    }
    const { terminated, truncated, episodeReturns, episodeLengths } = this
    for (let i = 0; i < terminated.length; i++) {
      if ((terminated[i]! | truncated[i]!) === 0) continue
      episodeReturns[i] = 0
      episodeLengths[i] = 0
    }
  }

  /** An error of one env that says where: env id, env index, step of its episode (0 is the reset), and the user's own line. */
  protected fault(index: number, what: string, options: FaultOptions = {}): MillraceError {
    const { episodeStep = this.episodeLengths[index]!, todo, code } = options
    const caught = 'cause' in options
    const trace = caught ? userTrace(options.cause) : undefined
    const at = trace?.at ?? showPosition(positionOfCode(code))
    return new MillraceError(
      'E_ENV_STEP',
      `${this.id} ${what} (env ${index}, episode step ${episodeStep})${todo === undefined ? '' : `; ${todo}`}`,
      { env: this.id, envIndex: index, episodeStep, ...(at !== undefined && { at }) },
      { ...(caught && { cause: options.cause }), userStack: trace?.stack },
    )
  }

  private forgetEpisodes(): void {
    for (const buffer of [this.rewards, this.terminated, this.truncated, this.episodeReturns, this.episodeLengths])
      buffer.fill(0)
  }
}
