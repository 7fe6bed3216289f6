// What `npm run learn` measures: every tuned experiment, and what algorithms do with nothing set. Which there are is asked of the command.

const ZOO = 'rl-baselines3-zoo'
const MINATAR = "MinAtar's curves"

/** By the file's name: its env, its env steps, the greedy return that is asked for after them, and what others published. */
const TUNED = {
  'cartpole-ppo': { env: 'CartPole-v1', within: 100_000, atLeast: 500, published: '500', source: ZOO },
  'pendulum-ppo': { env: 'Pendulum-v1', within: 100_000, atLeast: -175, published: '-172 ± 104', source: ZOO },
  'mountaincar-ppo': {
    env: 'MountainCar-v0',
    within: 1e6,
    atLeast: -115,
    published: '-110 ± 19',
    source: ZOO,
  },
  'mountaincar-a2c': {
    env: 'MountainCar-v0',
    within: 1e6,
    atLeast: -115,
    published: '-111 ± 24',
    source: ZOO,
  },
  'mountaincarcontinuous-a2c': {
    env: 'MountainCarContinuous-v0',
    within: 100_000,
    atLeast: 88,
    published: '91 ± 0.3',
    source: ZOO,
  },
  'acrobot-ppo': { env: 'Acrobot-v1', within: 1e6, atLeast: -83, published: '-74 ± 18', source: ZOO },
  'acrobot-a2c': { env: 'Acrobot-v1', within: 500_000, atLeast: -83, published: '-83 ± 17', source: ZOO },
  'pendulum-impala': { env: 'Pendulum-v1', within: 5e6, atLeast: -200, published: '-200', source: "RLlib's test" },
  ...game('Breakout', 17, '17.5, AC'),
  ...game('Asterix', 19, '19, AC'),
  ...game('Freeway', 47, '50, DQN'),
  ...game('SpaceInvaders', 150, '185, AC'),
  ...game('Seaquest', 15, '20, DQN'),
}

function game(name, atLeast, published) {
  const bar = { env: `MinAtar/${name}-v0`, within: 5e6, atLeast, published, source: MINATAR }
  return { [`minatar-${name.toLowerCase()}-ppo`]: bar, [`minatar-${name.toLowerCase()}-impala`]: bar }
}

/** With nothing set: the mean return of 100 episodes that is to be reached, and within how many env steps. */
const DEFAULTS = [
  { env: 'CartPole-v1', reach: 475, within: 300_000, only: ['ppo', 'impala', 'appo'] },
  { env: 'CartPole-v1', reach: 475, within: 500_000, except: ['ppo', 'impala', 'appo'] },
  { env: 'Acrobot-v1', reach: -100, within: 500_000 },
  { env: 'Pendulum-v1', reach: -300, within: 400_000, only: ['ppo'] },
  { env: 'MinAtar/Breakout-v1', reach: 10, within: 3_000_000, only: ['ppo', 'impala'] },
]

/**
 * @param {{ id: string, algorithms: string[], tuned: string[] }[]} envs as `millrace list envs --json` has them
 * @returns rows: `{ id, kind, env, algorithm, within, … }`
 * @throws Error where an example is tuned and nothing here says what it is held to
 */
export function rowsOf(envs) {
  const unknown = envs
    .flatMap(({ id, tuned }) => tuned.map((algorithm) => nameOf(id, algorithm)))
    .filter((name) => !(name in TUNED))
  if (unknown.length > 0) throw new Error(`scripts/learn/rows.mjs has no row for examples/tuned/${unknown[0]}.ts`)
  const defaults = DEFAULTS.flatMap(({ env, reach, within, only, except }) => {
    const takers = envs.find(({ id }) => id === env)?.algorithms ?? []
    const meant = takers.filter((name) => (only?.includes(name) ?? true) && !except?.includes(name))
    return meant.map((algorithm) => ({
      id: `defaults/${nameOf(env, algorithm)}`,
      kind: 'defaults',
      env,
      algorithm,
      reach,
      within,
    }))
  })
  const tuned = Object.entries(TUNED).map(([name, bar]) => {
    return { id: `tuned/${name}`, kind: 'tuned', algorithm: name.replace(/^.*-/, ''), ...bar }
  })
  return [...defaults, ...tuned]
}

const nameOf = (env, algorithm) =>
  `${env
    .replace(/-v\d+$/, '')
    .replaceAll('/', '-')
    .toLowerCase()}-${algorithm}`
