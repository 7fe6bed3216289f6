import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Random, makeEnv, spaceSize } from '../../../../shared/env/index.ts'
import { SEAQUEST_FIELDS } from '../../../../shared/env/minatar/seaquestState.ts'

/** One draw of NumPy's: `u` is uniform in [0, 1), `i` an integer from `low` on, below `high`; the last is one value or a list. */
type Draw = readonly ['u', number | readonly number[]] | readonly ['i', number, number, number | readonly number[]]

interface Episode {
  readonly reset_draws: readonly Draw[]
  readonly initial_obs: string | null
  readonly actions: readonly number[]
  readonly draws: readonly (readonly Draw[])[]
  readonly effective_actions: readonly number[]
  readonly rewards: readonly number[]
  readonly terminal: readonly number[]
  readonly obs: readonly (string | null)[]
}

interface Run {
  readonly name: string
  readonly sticky_action_prob: number
  readonly difficulty_ramping: boolean
  readonly n_channels: number
  readonly state_patch?: Readonly<Record<string, number | boolean>> | null
  readonly episodes: readonly Episode[]
}

interface Game {
  readonly minimal_action_set: readonly number[]
  readonly runs: readonly Run[]
}

const GAMES = ['asterix', 'breakout', 'freeway', 'seaquest', 'space_invaders']

const read = (game: string): Game =>
  JSON.parse(readFileSync(new URL(`../../../golden/envs/minatar_${game}.json`, import.meta.url), 'utf8'))
const idOf = (game: string, version: number): string =>
  `MinAtar/${game.replace(/(^|_)(.)/g, (_all, _line, letter: string) => letter.toUpperCase())}-v${version}`

/** Gives the recorded draws, and fails where another one is asked for. */
class Recorded extends Random {
  private left: { readonly kind: 'u' | 'i'; readonly value: number; readonly n: number }[] = []

  constructor() {
    super(0)
  }

  expect(draws: readonly Draw[]): void {
    expect(this.left).toEqual([])
    this.left = draws.flatMap((draw) => {
      const values = [draw.at(-1) as number | readonly number[]].flat()
      const [low, n] = draw[0] === 'i' ? [draw[1], draw[2] - draw[1]] : [0, 1]
      return values.map((value) => ({ kind: draw[0], value: value - low, n }))
    })
  }

  override uniform(): number {
    const next = this.left.shift()
    expect(next?.kind).toBe('u')
    return next?.value ?? NaN
  }

  override integer(n: number): number {
    const next = this.left.shift()
    expect(next).toMatchObject({ kind: 'i', n })
    return next?.value ?? NaN
  }
}

/** As numpy.packbits does it: the first value is the highest bit. */
function packed(observation: Float32Array): string {
  let hex = ''
  for (let i = 0; i < observation.length; i += 8) {
    let byte = 0
    for (let j = 0; j < 8; j++) byte = byte * 2 + (observation[i + j] ?? 0)
    hex += byte.toString(16).padStart(2, '0')
  }
  return hex
}

/** MinAtar's names of Seaquest's fields, as far as a recording sets them. */
const PATCHED: Readonly<Record<string, number>> = {
  sub_y: SEAQUEST_FIELDS.subY,
  diver_count: SEAQUEST_FIELDS.diversAboard,
  oxygen: SEAQUEST_FIELDS.oxygen,
  surface: SEAQUEST_FIELDS.surfaced,
}

const runs = GAMES.flatMap((game) => read(game).runs.map((run) => ({ game, name: run.name, run })))

test.each(runs)(
  '$game $name: with MinAtar’s own draws, every observation, reward and end is MinAtar’s',
  ({ game, run }) => {
    const config = { stickyActionProbability: run.sticky_action_prob, difficultyRamping: run.difficulty_ramping }
    const env = makeEnv(idOf(game, 0), config)
    const observation = new Float32Array(100 * run.n_channels)
    const random = new Recorded()
    for (const episode of run.episodes) {
      random.expect(episode.reset_draws)
      env.reset(observation, random)
      if (run.state_patch) {
        const state = [...(env.save!() as number[])]
        for (const [name, value] of Object.entries(run.state_patch)) state[PATCHED[name]!] = Number(value)
        env.load!(state, random)
      } else if (episode.initial_obs !== null) {
        expect(packed(observation)).toBe(episode.initial_obs)
      }
      episode.actions.forEach((action, t) => {
        random.expect(episode.draws[t]!)
        const outcome = env.step(action, observation)
        expect(outcome, `step ${t}`).toEqual({
          reward: episode.rewards[t],
          terminated: episode.terminal[t] === 1,
          truncated: false,
        })
        if (episode.obs[t] !== null) expect(packed(observation), `step ${t}`).toBe(episode.obs[t])
      })
      random.expect([])
    }
  },
)

test.each(GAMES)('%s-v1 has MinAtar’s minimal actions, each of which plays as the one of -v0 does', (game) => {
  const config = { stickyActionProbability: 0 }
  const { minimal_action_set: actions } = read(game)
  const [all, minimal] = [makeEnv(idOf(game, 0), config), makeEnv(idOf(game, 1), config)]
  expect(all.actionSpace).toEqual({ kind: 'discrete', n: 6 })
  expect(minimal.actionSpace).toEqual({ kind: 'discrete', n: actions.length })
  const [a, b] = [all, minimal].map((env) => new Float32Array(spaceSize(env.observationSpace)))
  const choices = new Random(3)
  for (let episode = 0; episode < 3; episode++) {
    all.reset(a!, new Random(episode))
    minimal.reset(b!, new Random(episode))
    for (let t = 0, ended = false; t < 100 && !ended; t++) {
      const choice = choices.integer(actions.length)
      const outcome = { ...all.step(actions[choice]!, a!) }
      expect(minimal.step(choice, b!)).toEqual(outcome)
      expect(packed(b!)).toBe(packed(a!))
      ended = outcome.terminated
    }
  }
})
