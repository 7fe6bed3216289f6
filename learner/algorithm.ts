import type { z } from 'zod'
import { parseSettings } from './settings.ts'
import type { Flow, Plan } from './flow/index.ts'
import type { LearnerSpec } from './training/learnerSpec.ts'
import type { PacingSetting } from './rollouts/pacing.ts'
import type { UpdateResult } from './updateResult.ts'

/** Values that a plan may depend on, apart from the settings of its algorithm. */
export interface PlanSetting {
  readonly shards: number
  /** T x B of one fragment. */
  readonly fragmentSteps: number
  /** Fragments that are behind a run which goes on exactly where it was. */
  readonly from?: number
}

/** An algorithm with its settings: its plan of operators, and its learner (network, loss, optimizer) as plain data. */
export interface Algorithm {
  readonly name: string
  readonly config: Readonly<Record<string, unknown>>
  /** Builds the plan; nothing runs. One item comes out for every update. @throws MillraceError E_PLAN_PARAMETER */
  plan(plan: Plan, setting: PlanSetting): Flow<UpdateResult>
  /** Everything its train graph is built from. */
  learner(): LearnerSpec
  /** How far its rollouts may run ahead. */
  pacing(setting: PlanSetting): PacingSetting
  /** Fragments of one train batch. */
  fragmentsPerUpdate(setting: PlanSetting): number
  /** The same algorithm with other settings, checked. @throws MillraceError E_EXPERIMENT */
  withConfig(config: unknown): Algorithm
}

/** One page of an algorithm: defaults as a schema, and functions of the settings that came through it. */
export interface AlgorithmDefinition<S extends z.ZodObject> {
  readonly name: string
  readonly config: S
  plan(plan: Plan, config: z.output<S>, setting: PlanSetting): Flow<UpdateResult>
  learner(config: z.output<S>): LearnerSpec
  pacing(config: z.output<S>, setting: PlanSetting): PacingSetting
  fragmentsPerUpdate(config: z.output<S>, setting: PlanSetting): number
}

/** Defines an algorithm. Returns the function that an experiment calls with the settings that differ from the defaults. */
export function algorithm<S extends z.ZodObject>(
  definition: AlgorithmDefinition<S>,
): (config?: z.input<S>) => Algorithm {
  const make = (input: unknown): Algorithm => {
    const config = parseSettings(definition.config, input ?? {}, definition.name)
    return {
      name: definition.name,
      config,
      plan: (plan, setting) => definition.plan(plan, config, setting),
      learner: () => definition.learner(config),
      pacing: (setting) => definition.pacing(config, setting),
      fragmentsPerUpdate: (setting) => definition.fragmentsPerUpdate(config, setting),
      withConfig: make,
    }
  }
  return make
}
