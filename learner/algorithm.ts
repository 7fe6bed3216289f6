import type { z } from 'zod'
import { parseSettings } from './experiment.ts'
import type { Plan } from './flow/index.ts'
import type { LearnerSpec } from './learnerSpec.ts'
import type { UpdateResult } from './updateResult.ts'

/** What a plan of an algorithm may depend on beside its own settings. */
export interface PlanSetting {
  readonly shards: number
  /** T x B of one fragment. */
  readonly fragmentSteps: number
}

/** An algorithm with its settings: its plan of operators, and the learner (network, loss, optimizer) as plain data. */
export interface Algorithm<Config = unknown> {
  readonly name: string
  readonly config: Config
  /** Builds the plan; nothing runs. Its output is one item an update. */
  plan(plan: Plan, setting: PlanSetting): PlanOutput
  /** What the train worker builds its one ONNX graph from. */
  learner(): LearnerSpec
  /** The pacing its rollouts need; see `Pacing`. */
  pacing(setting: PlanSetting): PacingSetting
  /** The same algorithm with other settings, checked. */
  withConfig(config: unknown): Algorithm<Config>
}
