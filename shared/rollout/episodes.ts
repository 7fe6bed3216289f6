import type { EnvConfig, EnvSource, Space, VectorEnv } from '../env/index.ts'
import { describeSpace, makeVectorEnv } from '../env/index.ts'
import { MillraceError } from '../errors.ts'
import { PolicySession, type PolicySpec, makeActor, policySpecFor } from '../policy/index.ts'
import { Random, deriveSeed } from '../random.ts'

/** A finished episode: the sum of its rewards, and its env steps. */
export interface Episode {
  readonly return: number
  readonly length: number
}

export interface Play {
  /** The bytes of an ONNX model, and what it is a policy of. */
  readonly model: Uint8Array
  readonly spec: PolicySpec
  readonly config: EnvConfig
  /** An integer > 0. */
  readonly episodes: number
  readonly seed: number
  /** Sample actions instead of taking the likeliest. */
  readonly stochastic: boolean
  /** Envs stepped as one; as many as there are episodes, up to 256, unless told. */
  readonly numEnvs?: number
  /** Env steps after which an episode counts as one that never ends; a million unless told. */
  readonly longestEpisode?: number
  /** Asked after every step: true ends the play with the episodes that are finished. */
  readonly over: () => boolean
}

/** An env without a time limit and a policy that never fails would step for ever. */
const LONGEST_EPISODE = 1_000_000
const MOST_ENVS = 256

/**
 * Plays fresh episodes with a policy, in the order they finish. Each env plays a fixed number of them: whichever end first would be
 * the short ones, and their mean a biased one. The same seed gives the same episodes, here and in a function.
 *
 * @returns `play.episodes` of them, fewer when it was over before
 * @throws MillraceError E_ENV_UNKNOWN, E_ENV_CONFIG, E_POLICY_MODEL, E_POLICY_SPEC for a policy of another env, E_ENV_STEP also when
 * an episode does not end
 */
export async function playEpisodes(source: EnvSource, play: Play): Promise<readonly Episode[]> {
  const { spec, config } = play
  const numEnvs = play.numEnvs ?? Math.min(play.episodes, MOST_ENVS)
  const env = makeVectorEnv(source, { numEnvs, config })
  try {
    checkFit(spec, env)
    return await playIn(env, play)
  } finally {
    env.close?.()
  }
}

async function playIn(env: VectorEnv, play: Play): Promise<readonly Episode[]> {
  const { spec, seed, longestEpisode = LONGEST_EPISODE } = play
  const { numEnvs } = env
  env.reset(deriveSeed(seed, 'evaluate'))
  const actor = makeActor(spec, numEnvs, new Random(deriveSeed(seed, 'evaluate', 'actions')))
  const logProbs = new Float32Array(numEnvs)
  const wanted = Int32Array.from({ length: numEnvs }, (_, i) => Math.floor((play.episodes + numEnvs - 1 - i) / numEnvs))
  const episodes: Episode[] = []
  const policy = await PolicySession.load(play.model, spec, env.observations)
  try {
    while (episodes.length < play.episodes && !play.over()) {
      await policy.run()
      actor.act(policy.outputs, logProbs, !play.stochastic, env.actionMasks)
      env.step(actor.actions)
      for (let i = 0; i < numEnvs; i++) {
        const length = env.episodeLengths[i] ?? 0
        if (env.terminated[i] || env.truncated[i]) {
          if ((wanted[i] ?? 0) <= 0) continue
          wanted[i] = (wanted[i] ?? 0) - 1
          episodes.push({ return: env.episodeReturns[i] ?? 0, length })
        } else if (length >= longestEpisode && (wanted[i] ?? 0) > 0) {
          throw new MillraceError(
            'E_ENV_STEP',
            `an episode has not ended after ${longestEpisode} steps; does the env have a time limit?`,
          )
        }
      }
    }
  } finally {
    await policy.release()
  }
  return episodes
}

/** A policy of another env would step this one with what it never saw. */
function checkFit(spec: PolicySpec, { observationSpace, actionSpace }: VectorEnv): void {
  const of = (space: Space) => (space.kind === 'discrete' ? `${space.n} actions` : describeSpace(space))
  const takes = (shape: readonly number[]) => `observations of shape [${shape.join(', ')}]`
  const [policy, env] = [
    `${takes(spec.observation.shape)} and ${of(spec.action)}`,
    `${takes(observationSpace.shape)} and ${of(policySpecFor(observationSpace, actionSpace).action)}`,
  ]
  if (policy === env) return
  throw new MillraceError('E_POLICY_SPEC', `the policy does not fit the env: it is for ${policy}, the env has ${env}`)
}
