import { z } from 'zod'
import type { PolicySpec } from '../shared/policy/spec.ts'
import { fromAuthor } from './authorError.ts'
import { parseSettings } from './settings.ts'
import type { Flow, Plan } from './flow/index.ts'
import type { ProgramDescription } from './program/index.ts'
import { type EngineSetting, ENGINE_SETTINGS } from './training/engine.ts'
import type { PacingSetting } from './rollouts/pacing.ts'
import type { UpdateResult } from './run/updateResult.ts'

/** Values that a plan may depend on, apart from the settings of its algorithm. */
export interface PlanSetting {
  readonly shards: number
  /** T x B of one fragment. */
  readonly fragmentSteps: number
  /** Fragments that are behind a run which goes on exactly where it was. */
  readonly from?: number
}

/** Kinds of action spaces. */
export const ACTION_KINDS = ['discrete', 'multiDiscrete', 'box'] as const
export type ActionKind = (typeof ACTION_KINDS)[number]

export interface RolloutDefaults {
  readonly envsPerShard?: number
  readonly fragmentLength?: number
}

/** What a program is made for. */
export interface ProgramSizes {
  readonly policy: PolicySpec
  /** Steps of a fragment, and envs of a train batch. */
  readonly T: number
  readonly B: number
}

/** For `millrace list algorithms`. */
export interface AboutAlgorithm {
  /** What it is, in one sentence without a full stop. */
  readonly sentence: string
  /** Authors, year, and where it is found. */
  readonly paper: string
}

/** An algorithm with its settings: its plan of operators, and its program (networks, losses, optimizers). */
export interface Algorithm {
  readonly name: string
  /** What it is; empty where its author did not say. */
  readonly about: AboutAlgorithm
  readonly config: Readonly<Record<string, unknown>>
  /** Names of all its settings, of those without a default too. */
  readonly settings: readonly string[]
  /** Kinds of actions that it learns to choose. */
  readonly actions: readonly ActionKind[]
  /** Builds the plan; nothing runs. One item comes out for every update. @throws MillraceError E_PLAN_PARAMETER */
  plan(plan: Plan, setting: PlanSetting): Flow<UpdateResult>
  /** What it publishes, out of what fits the env. @throws MillraceError E_POLICY_SPEC where it cannot take the env's spaces */
  policy(fitting: PolicySpec): PolicySpec
  /** What it learns by. @throws MillraceError E_POLICY_SPEC where it cannot take the env's spaces, E_GRAPH */
  program(sizes: ProgramSizes): ProgramDescription
  /** What its program is run by. */
  readonly engine: EngineSetting
  /** Sizes of rollouts that its defaults are for, where an experiment says none. */
  readonly rollouts: RolloutDefaults
  /** How far its rollouts may run ahead. */
  pacing(setting: PlanSetting): PacingSetting
  /** Fragments of one train batch. */
  fragmentsPerUpdate(setting: PlanSetting): number
  /** Refuses sizes of rollouts that its settings cannot work with. @throws MillraceError E_EXPERIMENT naming the setting */
  check?(setting: PlanSetting): void
  /** The same algorithm with other settings, checked. @throws MillraceError E_EXPERIMENT */
  withConfig(config: unknown): Algorithm
}

/** One page of an algorithm: defaults as a schema, and functions of the settings that came through it. */
export interface AlgorithmDefinition<S extends z.ZodObject> {
  readonly name: string
  readonly about?: AboutAlgorithm
  readonly config: S
  /** Kinds of actions that it learns to choose; all of them if not given. */
  readonly actions?: readonly ActionKind[]
  readonly rollouts?: RolloutDefaults
  plan(plan: Plan, config: z.output<S>, setting: PlanSetting): Flow<UpdateResult>
  /** What fits the env, if not given. */
  policy?(config: z.output<S>, fitting: PolicySpec): PolicySpec
  program(config: z.output<S>, sizes: ProgramSizes): ProgramDescription
  pacing(config: z.output<S>, setting: PlanSetting): PacingSetting
  fragmentsPerUpdate(config: z.output<S>, setting: PlanSetting): number
  /** Refuses sizes of rollouts that these settings cannot work with: called before anything of a run starts. @throws MillraceError E_EXPERIMENT */
  check?(config: z.output<S>, setting: PlanSetting): void
}

const EngineSettings = z.object(ENGINE_SETTINGS)

/** Defines an algorithm. Returns the function that an experiment calls with the settings that differ from the defaults. */
export function algorithm<S extends z.ZodObject>(
  definition: AlgorithmDefinition<S>,
): (config?: z.input<S>) => Algorithm {
  const schema = definition.config.strict() as unknown as S // a typo is never a default
  const make = (input: unknown): Algorithm => {
    const { name } = definition
    const config = parseSettings(schema, input ?? {}, name)
    const own = <T>(part: string, ask: () => T): T => fromAuthor(name, part, ask)
    return {
      name,
      about: definition.about ?? { sentence: '', paper: '' },
      config,
      settings: Object.keys(schema.shape),
      actions: definition.actions ?? ACTION_KINDS,
      plan: (plan, setting) => own('plan', () => definition.plan(plan, config, setting)),
      policy: (fitting) => own('policy', () => definition.policy?.(config, fitting) ?? fitting),
      program: (sizes) => own('program', () => definition.program(config, sizes)),
      rollouts: definition.rollouts ?? {},
      engine: EngineSettings.parse(config),
      pacing: (setting) => own('pacing', () => definition.pacing(config, setting)),
      fragmentsPerUpdate: (setting) => own('fragmentsPerUpdate', () => definition.fragmentsPerUpdate(config, setting)),
      check: (setting) => own('check', () => definition.check?.(config, setting)),
      withConfig: make,
    }
  }
  return make
}
