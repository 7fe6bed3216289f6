import { MillraceError } from '../shared/errors.ts'
import type { PlanSetting } from './algorithm.ts'
import { type Experiment, settingOf } from './experiment.ts'
import { type Flow, Plan } from './flow/index.ts'
import type { LeaseStage } from '../shared/protocol/lease.ts'
import { learner, publisher, rolloutSource } from './resources.ts'
import type { UpdateResult } from './run/updateResult.ts'

/** An experiment's plan, what comes out of it, and what it was built for. */
export interface ExperimentPlan {
  readonly plan: Plan
  readonly output: Flow<UpdateResult>
  readonly setting: PlanSetting
  /** What functions do with their fragments. */
  readonly stages: readonly LeaseStage[]
}

/** The plan of an experiment, built and not run. @param from see `PlanSetting` @throws MillraceError E_PLAN_PARAMETER, E_PLAN_SHAPE */
export function planOf({ algorithm, rollouts }: Experiment, from = 0): ExperimentPlan {
  const setting = { ...settingOf(rollouts), ...(from > 0 && { from }) }
  const plan = new Plan(algorithm.name)
  const output = algorithm.plan(plan, setting)
  checkPlan(plan)
  const stages = plan
    .stagesOf(rolloutSource)
    .map(({ name, params }) => ({ name, params: params as LeaseStage['params'] }))
  return { plan, output, setting, stages }
}

/** Refuses a plan that could run for ever without learning. */
function checkPlan(plan: Plan): void {
  const used = plan.uses()
  const refuse = (what: string) => new MillraceError('E_PLAN_SHAPE', `the plan of ${plan.name} ${what}`)
  if (!used.has(learner.name)) throw refuse('trains nothing: it has no trainOneStep()')
  if (!plan.graph().nodes.some(({ operator }) => operator === 'countSamples'))
    throw refuse('counts no steps, and no limit would ever be reached: put countSamples() before the training')
  if (!used.has(publisher.name))
    throw refuse('publishes no policy, and functions would act by the first one for ever: end it with publishPolicy()')
}
