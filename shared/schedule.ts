import * as z from 'zod'

/** The clocks of a run: env steps sampled, env steps trained on, updates. */
export const CLOCKS = ['envSteps', 'trainedSteps', 'updates'] as const
export type ClockName = (typeof CLOCKS)[number]

/** A number that changes over one named clock: linear from `from` to `to` within the first `over` ticks, then constant. */
export const Schedule = z.strictObject({
  clock: z.enum(CLOCKS),
  from: z.number(),
  to: z.number(),
  over: z.number().positive(),
})
export type Schedule = Readonly<z.infer<typeof Schedule>>

/** The value of a constant or a schedule at a moment of the run. */
export function valueAt(value: number | Schedule, clocks: Readonly<Record<ClockName, number>>): number {
  if (typeof value === 'number') return value
  const progress = Math.min(1, clocks[value.clock] / value.over)
  return value.from + (value.to - value.from) * progress
}
