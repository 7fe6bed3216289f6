import type * as z from 'zod'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { STAGES, type SourceStage } from '../../shared/stages/index.ts'
import { stage } from '../flow/index.ts'
import { parseSettings } from '../settings.ts'

// Stages of shared/stages as a plan asks for them: `plan.source(…).atSource(gae({ gamma: 0.99, lambda: 0.95 }))`.

/** Wrong parameters fail when the plan is built: E_PLAN_PARAMETER. */
const atSource = <S extends z.ZodType>({ name, params: schema }: SourceStage<S>) =>
  stage<SampleBatch, SampleBatch, z.input<S>>({
    name,
    check: (params) => void parseSettings(schema, params, name, 'E_PLAN_PARAMETER'),
  })

/** Generalised advantage estimation at the source: columns `advantages`, `returns`, `old_values`. */
export const gae = atSource(STAGES.gae)
/** The gradient of a graph of the program over the fragment, in its place. */
export const gradients = atSource(STAGES.gradients)
/** Gradients of several epochs of minibatches of the fragment, one a message, each by the newest weights. */
export const sharedGradients = atSource(STAGES.sharedGradients)
