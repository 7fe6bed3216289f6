import * as z from 'zod'
import { recordOf } from '../protocol/lists.ts'
import { Label } from '../protocol/names.ts'
import { Schedule, valueAt } from '../schedule.ts'

/** Numbers that a graph at the source is fed, and how many env steps a policy version stands for: what schedules are read by. */
export const SOURCE_RATES = {
  rates: recordOf(Label, z.union([z.number(), Schedule]), 64).default({}),
  stepsPerVersion: z.number().positive().default(1),
}

interface SourceRates {
  readonly rates: Readonly<Record<string, number | Schedule>>
  readonly stepsPerVersion: number
}

/**
 * The rates of a policy version: what the learner's clocks say when it publishes that version, if nothing was dropped. So they do not
 * depend on when a fragment is made.
 */
export function ratesAt({ rates, stepsPerVersion }: SourceRates, version: number): Record<string, number> {
  const steps = version * stepsPerVersion
  const clocks = { updates: version, envSteps: steps, trainedSteps: steps }
  return Object.fromEntries(Object.entries(rates).map(([name, value]) => [name, valueAt(value, clocks)]))
}
