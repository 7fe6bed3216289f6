import { MillraceError } from '../../shared/errors.ts'

/** Refuses minibatches that do not divide the `steps` env steps that they are cut from. @throws MillraceError E_EXPERIMENT naming a size that does */
export function checkMinibatches(algorithm: string, minibatchSteps: number | undefined, steps: number): void {
  if (minibatchSteps === undefined || steps % minibatchSteps === 0) return
  throw new MillraceError(
    'E_EXPERIMENT',
    `${algorithm}.minibatchSteps: ${minibatchSteps} does not divide the ${steps} env steps of an update, which takes whole fragments; ${divisorNear(minibatchSteps, steps)} does`,
  )
}

function divisorNear(wanted: number, steps: number): number {
  let best = steps
  for (let d = 1; d * d <= steps; d++)
    for (const divisor of steps % d === 0 ? [d, steps / d] : [])
      if (divisor > 1 && Math.abs(divisor - wanted) < Math.abs(best - wanted)) best = divisor
  return best
}
