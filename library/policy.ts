// Typed-array reads use `!`: every index is below the sizes made here.
import { z } from 'zod'
import { parseSettings } from '../learner/settings.ts'
import { MillraceError } from '../shared/errors.ts'
import {
  type ActionRandom,
  type Observations,
  PolicySession,
  type PolicySpec,
  makeActor,
  observationArray,
} from '../shared/policy/index.ts'
import { Random } from '../shared/random.ts'
import { readMasks } from './actionMasks.ts'
import { type Observation, readObservation } from './observation.ts'
import { findPolicy, type PolicySource } from './policySource.ts'

export { MillraceError, isMillraceError } from '../shared/errors.ts'
export type { PolicySpec } from '../shared/policy/spec.ts'
export { Random } from '../shared/random.ts'
export type { Observation } from './observation.ts'
export type { PolicySource } from './policySource.ts'

const hasUniform = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'uniform' in value && typeof value.uniform === 'function'

const ActSchema = z.strictObject({
  stochastic: z.boolean().optional(),
  random: z
    .custom<{ uniform(): number }>(hasUniform, {
      error: 'it has no uniform(); give new Random(seed)',
    })
    .optional(),
  mask: z
    .custom<ArrayLike<number | boolean>>((value) => typeof value === 'object' && value !== null && 'length' in value, {
      error: 'expected a list of flags, one for every action',
    })
    .optional(),
})

/** Most calls have none. */
const NO_OPTIONS: ActOptions = {}

const checked = (options: ActOptions, method: string): z.output<typeof ActSchema> =>
  options === NO_OPTIONS ? {} : parseSettings(ActSchema, options, `${method}.options`, 'E_USAGE')

export interface ActOptions {
  /** Draw from the policy's distribution instead of taking the likeliest action. */
  readonly stochastic?: boolean
  /** The random stream to draw from. `new Random(seed)` makes a call repeatable. By default the policy has a stream of its own, seeded at random. */
  readonly random?: { uniform(): number }
  /**
   * Which actions may be taken, as the env's `actionMask` says, for a policy whose env has one (`spec.masked`): a flag for every action (of
   * several choices one choice after another); of many observations the flags of one observation after those of another.
   */
  readonly mask?: ArrayLike<number | boolean>
}

/** The index of a discrete action, the indices of several choices, or the numbers of one in a box. */
export type Action = number | Int32Array | Float32Array

/** Actions of many observations, one after the other. */
export type Actions<A extends Action> = A extends Float32Array ? Float32Array : Int32Array

/**
 * A trained policy, ready to choose actions. Any number of calls may be under way at once; they are answered in turn. `A` is `number` for
 * discrete actions, `Int32Array` for several choices and `Float32Array` for a box.
 */
export interface Policy<A extends Action = number> extends AsyncDisposable {
  /** What it takes and gives: the shape of an observation, the actions. */
  readonly spec: PolicySpec
  /** The ONNX model it runs: what `policy.onnx` holds. */
  readonly policy: Uint8Array
  /**
   * The action for one observation, as the env would have written it.
   *
   * @returns the index of the action, 0 … n-1; of several choices an Int32Array of theirs; of a box its numbers, in a Float32Array
   * @throws MillraceError E_USAGE for an observation of another size or with a number that is not finite, and for options that do not exist; E_POLICY_MODEL after `close`
   */
  act(observation: Observation, options?: ActOptions): Promise<A>
  /**
   * The actions for many observations in one run of the model.
   *
   * @param observations a list of them, or one Float32Array (Uint8Array of bytes) with one after the other
   * @returns [N] indices; of several choices [N, D] of them; of a box of actions [N, ...A] numbers, one action after the other
   */
  actBatch(observations: readonly Observation[] | Observations, options?: ActOptions): Promise<Actions<A>>
  /** Frees the model's memory once the calls under way are answered. A second call does nothing. */
  close(): Promise<void>
}

/**
 * Opens a trained policy in this process. It needs the package `onnxruntime-node` and nothing else: no env, no cloud.
 *
 * For a box of actions: `loadPolicy<Float32Array>(…)`; for several choices: `loadPolicy<Int32Array>(…)`.
 *
 * @param source a run folder, the path of its `policy.onnx`, or `{ policy, spec }` as `train` gives them back
 * @throws MillraceError E_POLICY_MODEL, E_POLICY_SPEC, E_USAGE, E_DISK
 */
export async function loadPolicy<A extends Action = number>(source: PolicySource): Promise<Policy<A>> {
  const { model, spec } = findPolicy(source, 'loadPolicy')
  // Which of them it is, the caller knows: types cannot see into a file.
  return new LoadedPolicy(model, await PolicySession.load(model, spec, 1)) as unknown as Policy<A>
}

class LoadedPolicy implements Omit<Policy, 'act' | 'actBatch'> {
  readonly policy: Uint8Array
  readonly spec: PolicySpec
  private readonly session: PolicySession
  private readonly size: number
  private own: Random | undefined
  /** The newest call. A session has one buffer, so each call waits for the one before. */
  private last: Promise<unknown> = Promise.resolve()
  private closed: Promise<void> | undefined

  constructor(model: Uint8Array, session: PolicySession) {
    this.policy = model
    this.session = session
    this.spec = session.spec
    this.size = session.observations.length
  }

  async act(observation: Observation, options: ActOptions = NO_OPTIONS): Promise<Action> {
    const chosen = checked(options, 'act')
    const row = observationArray(this.spec.observation, this.size)
    readObservation(this.spec, observation, row)
    const actions = await this.choose(row, chosen)
    return this.spec.action.kind === 'discrete' ? actions[0]! : actions
  }

  async actBatch(
    observations: readonly Observation[] | Observations,
    options: ActOptions = NO_OPTIONS,
  ): Promise<Int32Array | Float32Array> {
    const chosen = checked(options, 'actBatch')
    const rows = this.rowsOf(observations)
    return await this.choose(rows, chosen)
  }

  close(): Promise<void> {
    this.closed ??= this.inTurn(() => this.session.release())
    return this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private rowsOf(observations: readonly Observation[] | Observations): Observations {
    const { size, spec } = this
    const isFlat = observations instanceof Float32Array || observations instanceof Uint8Array
    if (!isFlat && !Array.isArray(observations))
      throw new MillraceError(
        'E_USAGE',
        'actBatch takes a list of observations, or a Float32Array with one after the other',
      )
    if (isFlat && observations.length % size !== 0) {
      throw new MillraceError(
        'E_USAGE',
        `actBatch was given ${observations.length} numbers, which are no whole observations of ${size}`,
      )
    }
    const count = isFlat ? observations.length / size : observations.length
    const rows = observationArray(spec.observation, count * size)
    for (let i = 0; i < count; i++) {
      const observation = isFlat ? observations.subarray(i * size, (i + 1) * size) : (observations[i] as Observation)
      readObservation(spec, observation, rows.subarray(i * size, (i + 1) * size), `observation ${i}`)
    }
    return rows
  }

  private choose(
    rows: Observations,
    { stochastic = false, random, mask }: z.output<typeof ActSchema>,
  ): Promise<Int32Array | Float32Array> {
    if (this.closed) throw new MillraceError('E_POLICY_MODEL', 'the policy is closed; load it again')
    const count = rows.length / this.size
    const masks = readMasks(this.spec, mask, count)
    const actor = makeActor(this.spec, count, withNormal(random ?? (this.own ??= new Random(chance()))))
    if (count === 0) return Promise.resolve(actor.actions)
    return this.inTurn(async () => {
      const { session } = this
      if (session.observations.length === rows.length) session.observations.set(rows)
      else session.bind(rows)
      await session.run()
      actor.act(session.outputs, new Float32Array(count), !stochastic, masks)
      return actor.actions
    })
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const answer = this.last.then(work)
    this.last = answer.catch(() => undefined) // its caller gets the error; the next call must not
    return answer
  }
}

/** A stream of the user's own may have uniform numbers only (Box and Muller 1958). */
function withNormal(random: { uniform(): number }): ActionRandom {
  if ('normal' in random && typeof random.normal === 'function') return random as ActionRandom
  return {
    uniform: () => random.uniform(),
    normal: () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform()),
  }
}

const chance = (): number => Math.floor(Math.random() * Number.MAX_SAFE_INTEGER)
