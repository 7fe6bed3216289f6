import { MillraceError } from '../../shared/errors.ts'
import type { PlanSetting } from '../algorithm.ts'

interface Cut {
  /** The whole batch if not given. */
  readonly minibatchSteps?: number | undefined
}

/** Refuses minibatches that do not divide the batch of an update. @throws MillraceError E_EXPERIMENT naming a size that does */
export const dividing =
  <C>(name: string, { fragmentsPerUpdate }: { fragmentsPerUpdate(c: C, setting: PlanSetting): number }) =>
  (c: C & Cut, setting: PlanSetting): void => {
    const steps = fragmentsPerUpdate(c, setting) * setting.fragmentSteps
    const { minibatchSteps = steps } = c
    if (steps % minibatchSteps === 0) return
    throw new MillraceError(
      'E_EXPERIMENT',
      `${name}.minibatchSteps: ${minibatchSteps} does not divide the ${steps} env steps of an update, which takes whole fragments; ${divisorNear(minibatchSteps, steps)} does`,
    )
  }

function divisorNear(wanted: number, steps: number): number {
  let best = steps
  for (let d = 1; d * d <= steps; d++)
    for (const divisor of steps % d === 0 ? [d, steps / d] : [])
      if (divisor > 1 && Math.abs(divisor - wanted) < Math.abs(best - wanted)) best = divisor
  return best
}
