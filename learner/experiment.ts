import { z } from 'zod'
import { MillraceError } from '../shared/errors.ts'
import { Faults } from '../shared/faults/index.ts'
import type { EnvSource } from '../shared/env/index.ts'
import type { Algorithm, PlanSetting } from './algorithm.ts'
import { MAX_LEASES } from '../shared/protocol/invocation.ts'
import { isPrototypeKey, JsonObject } from '../shared/protocol/json.ts'
import { isTooMuchJson, parseJson, whyNoJson } from '../shared/protocol/parseJson.ts'
import { count, parseSettings } from './settings.ts'

/** How rollouts are made. A shard is a stream of experience, with envs and random numbers of its own; it steps `envsPerShard` envs together. */
export const RolloutSettings = z.strictObject({
  shards: count.max(10_000).default(2),
  /** How many functions work on the shards, each on as many. What is learned does not depend on it. One for each shard unless told, as far as the cloud has them. */
  functions: count.optional(),
  envsPerShard: count.max(65_536).default(32),
  /** T: env steps of each env in a fragment. */
  fragmentLength: count.max(65_536).default(20),
  /** How long one invocation works before it is renewed; Lambda's own limit is 900. */
  leaseSeconds: z.number().min(1).max(880).default(120),
  /** Of a deterministic run whose env cannot be saved: fragments after which an invocation ends, whatever the time. */
  leaseFragments: count.optional(),
  /** Least time between two reads of the manifest by a function, ms; 0 is once a fragment. The default depends on the cloud of the run. */
  manifestPollMs: z.number().min(0).optional(),
  /** Bodies over this many bytes travel through the bucket. The default is what is cheaper on the cloud of the run. */
  spillAboveBytes: z.number().int().min(0).optional(),
})
export type RolloutSettings = z.infer<typeof RolloutSettings>

/** Thirty years: beyond it a limit on time is a slip. */
const MOST_SECONDS = 1e9

/** When a run ends: at the first that is reached. */
export const StopSettings = z.strictObject({
  /** Mean return of the last 100 episodes. */
  meanReturn: z.number().optional(),
  envSteps: z.number().positive().optional(),
  seconds: z.number().positive().max(MOST_SECONDS).optional(),
})
export type StopSettings = z.infer<typeof StopSettings>

const ExperimentSchema = z.strictObject({
  env: z.custom<EnvSource>(
    (env) => typeof env === 'string' || typeof env === 'function' || (typeof env === 'object' && env !== null),
    {
      error: 'expected an env id, an env class, or an env definition',
    },
  ),
  envConfig: JsonObject.default({}),
  algorithm: z.custom<Algorithm>(
    (a) => typeof a === 'object' && a !== null && 'plan' in a && typeof a.plan === 'function' && 'config' in a,
    {
      error: 'expected an algorithm, for instance impala({ learningRate: 5e-4 })',
    },
  ),
  rollouts: RolloutSettings.prefault({}),
  stop: StopSettings.prefault({}),
  budget: z.strictObject({ usd: z.number().positive() }).optional(),
  seed: z.number().int().min(0).default(1),
  /** Faults that the emulated cloud injects: the name of a set, or rates. */
  faults: Faults.optional(),
})

/** What a user writes. */
export type ExperimentInput = z.input<typeof ExperimentSchema>
/** An experiment with every default filled in. An interface has a name: a declaration of a user's file says that, and not what zod makes of it. */
export interface Experiment extends z.output<typeof ExperimentSchema> {}

/**
 * Checks an experiment and fills in its defaults. The default export of an experiment file.
 * @throws MillraceError E_EXPERIMENT naming the field, what was expected, and the nearest known name of an unknown one
 */
export function experiment(input: ExperimentInput): Experiment {
  const checked = parseSettings(ExperimentSchema, input, 'experiment')
  // What the user left out the algorithm may know better.
  const rollouts = { ...checked.algorithm.rollouts, ...input.rollouts }
  const whole = {
    ...checked,
    rollouts: checkFunctions(parseSettings(RolloutSettings, rollouts, 'experiment.rollouts')),
  }
  whole.algorithm.check?.(settingOf(whole.rollouts))
  return whole
}

/** @throws MillraceError E_EXPERIMENT for more functions than there are shards to work on, or too few */
function checkFunctions(rollouts: RolloutSettings): RolloutSettings {
  const { shards, functions } = rollouts
  if (functions === undefined) return rollouts
  const least = Math.ceil(shards / MAX_LEASES)
  if (functions > shards)
    throw new MillraceError(
      'E_EXPERIMENT',
      `experiment.rollouts.functions is ${functions}, and there are ${shards} shards to work on (rollouts.shards); take at most as many functions, or more shards`,
    )
  if (functions < least)
    throw new MillraceError(
      'E_EXPERIMENT',
      `experiment.rollouts.functions is ${functions}, and a function works on ${MAX_LEASES} shards at most: ${shards} shards take ${least}`,
    )
  return rollouts
}

/** What a plan may depend on. */
export const settingOf = ({ shards, fragmentLength, envsPerShard }: RolloutSettings): PlanSetting => ({
  shards,
  fragmentSteps: fragmentLength * envsPerShard,
})

/**
 * A copy of an experiment with overrides by dotted path, as `--set` gives them: `rollouts.shards`, `algorithm.learningRate`, `seed`.
 * Values are JSON where they parse as JSON, else strings.
 * @throws MillraceError E_EXPERIMENT for an unknown path or a value that does not fit
 */
export function withOverrides(base: Experiment, overrides: Readonly<Record<string, string>>): Experiment {
  const plain: Record<string, unknown> = structuredCloneData(base)
  let algorithmConfig: Record<string, unknown> = { ...base.algorithm.config }
  for (const [path, text] of Object.entries(overrides)) {
    const parts = partsOf(path)
    const value = parseValue(text, path)
    if (parts[0] === 'algorithm') algorithmConfig = setPath(algorithmConfig, parts.slice(1), { value, path })
    else Object.assign(plain, setPath(plain, parts, { value, path }))
  }
  return experiment({
    ...plain,
    env: plain['env'] ?? base.env,
    algorithm: base.algorithm.withConfig(algorithmConfig),
  } as ExperimentInput)
}

const MAX_PARTS = 16

/** @throws MillraceError E_EXPERIMENT */
function partsOf(path: string): readonly string[] {
  const parts = path.split('.')
  if (parts.length > MAX_PARTS)
    throw new MillraceError('E_EXPERIMENT', `--set: a path has ${parts.length} parts, at most ${MAX_PARTS} are read`)
  const own = parts.find(isPrototypeKey)
  if (own !== undefined)
    throw new MillraceError('E_EXPERIMENT', `--set ${path}: '${own}' cannot be the name of a field`)
  if (path === 'algorithm')
    throw new MillraceError(
      'E_EXPERIMENT',
      '--set algorithm: the algorithm is the one of the file; name one of its settings, as algorithm.learningRate',
    )
  return parts
}

function structuredCloneData(base: Experiment): Record<string, unknown> {
  const { env, algorithm: _algorithm, ...data } = base
  return { ...structuredClone(data), env }
}

function setPath(
  target: Record<string, unknown>,
  parts: readonly string[],
  { value, path }: { value: unknown; path: string },
): Record<string, unknown> {
  const [head, ...rest] = parts
  if (!head) throw new MillraceError('E_EXPERIMENT', `--set ${path}: the path is empty or ends in a dot`)
  if (rest.length === 0) return { ...target, [head]: value }
  const inner = Object.hasOwn(target, head) ? target[head] : undefined
  if (typeof inner === 'string')
    throw new MillraceError('E_EXPERIMENT', `--set ${path}: ${head} is '${inner}', and a name has no settings in it`)
  const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
  return { ...target, [head]: setPath(next, rest, { value, path }) }
}

/** @throws MillraceError E_EXPERIMENT for JSON beyond all measure */
function parseValue(text: string, path: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    if (!isTooMuchJson(cause)) return text
    throw new MillraceError('E_EXPERIMENT', `--set ${path}: its value ${whyNoJson(cause)}`, {}, { cause })
  }
}
