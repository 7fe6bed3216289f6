import type { PlanSetting } from './algorithm.ts'
import { type Experiment, settingOf } from './experiment.ts'
import { type Flow, Plan } from './flow/index.ts'
import type { LeaseStage } from '../shared/protocol/lease.ts'
import { rolloutSource } from './resources.ts'
import type { UpdateResult } from './run/updateResult.ts'

/** An experiment's plan, what comes out of it, and what it was built for. */
export interface ExperimentPlan {
  readonly plan: Plan
  readonly output: Flow<UpdateResult>
  readonly setting: PlanSetting
  /** What functions do with their fragments. */
  readonly stages: readonly LeaseStage[]
}

/** The plan of an experiment, built and not run. @param from see `PlanSetting` @throws MillraceError E_PLAN_PARAMETER */
export function planOf({ algorithm, rollouts }: Experiment, from = 0): ExperimentPlan {
  const setting = { ...settingOf(rollouts), ...(from > 0 && { from }) }
  const plan = new Plan(algorithm.name)
  const output = algorithm.plan(plan, setting)
  const stages = plan
    .stagesOf(rolloutSource)
    .map(({ name, params }) => ({ name, params: params as LeaseStage['params'] }))
  return { plan, output, setting, stages }
}
