import { MillraceError } from '../../shared/errors.ts'
import type { PlanSetting } from '../algorithm.ts'

interface Cut {
  /** The whole batch if not given. */
  readonly minibatchSteps?: number | undefined
}

/** Refuses minibatches that do not divide the `steps` env steps that they are cut from. @throws MillraceError E_EXPERIMENT naming a size that does */
export function checkMinibatches(algorithm: string, minibatchSteps: number, steps: number): void {
  if (steps % minibatchSteps === 0) return
  throw new MillraceError(
    'E_EXPERIMENT',
    `${algorithm}.minibatchSteps: ${minibatchSteps} does not divide the ${steps} env steps that it is cut from; ${divisorNear(minibatchSteps, steps)} does`,
  )
}

/** The same as an algorithm's `check`, for minibatches of the batch of an update. */
export const dividing =
  <C>(name: string, { fragmentsPerUpdate }: { readonly fragmentsPerUpdate: (c: C, setting: PlanSetting) => number }) =>
  (c: C & Cut, setting: PlanSetting): void => {
    const steps = fragmentsPerUpdate(c, setting) * setting.fragmentSteps
    checkMinibatches(name, c.minibatchSteps ?? steps, steps)
  }

function divisorNear(wanted: number, steps: number): number {
  let best = steps
  for (let d = 1; d * d <= steps; d++)
    for (const divisor of steps % d === 0 ? [d, steps / d] : [])
      if (divisor > 1 && Math.abs(divisor - wanted) < Math.abs(best - wanted)) best = divisor
  return best
}
