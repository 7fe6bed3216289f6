import { isMillraceError } from '../../shared/errors.ts'
import { type DoctorContext, othersRuns } from './context.ts'

/** One line of the checklist. */
export interface Item {
  readonly name: string
  /** What has to be seen for it to pass. */
  readonly pass: string
  /** What to do when it fails. */
  readonly advice: string
  /** Items that this one depends on: it is skipped when one of them did not pass. */
  readonly needs?: readonly string[]
  /** It would disturb another user's run: it is skipped when one was requested meanwhile. */
  readonly disturbs?: boolean
  /** Looks; what it throws is a failure with that sentence. */
  look(context: DoctorContext): Promise<Seen>
}

export interface Seen {
  readonly result: 'passed' | 'failed' | 'skipped'
  /** What was seen, or why it was left out. */
  readonly saw: string
}

export interface Outcome extends Seen {
  readonly name: string
  readonly pass: string
  readonly ms: number
  /** Only of a failure. */
  readonly advice?: string
}

export const passed = (saw: string): Seen => ({ result: 'passed', saw })
export const failed = (saw: string): Seen => ({ result: 'failed', saw })
export const skipped = (saw: string): Seen => ({ result: 'skipped', saw })

/** Runs the items in order. After an abort the rest is skipped. */
export async function goThrough(
  items: readonly Item[],
  context: DoctorContext,
  onOutcome: (outcome: Outcome) => void,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  const well = new Set<string>()
  for (const item of items) {
    const { name, pass, advice, needs = [] } = item
    const startedAt = performance.now()
    const lacking = needs.find((need) => !well.has(need))
    const seen = context.signal.aborted
      ? skipped('interrupted')
      : lacking === undefined
        ? await lookSafely(item, context)
        : skipped(`it needs '${lacking}'`)
    if (seen.result === 'passed') well.add(name)
    const ms = Math.round(performance.now() - startedAt)
    const outcome = { name, pass, ...seen, ms, ...(seen.result === 'failed' && { advice }) }
    outcomes.push(outcome)
    onOutcome(outcome)
  }
  return outcomes
}

async function lookSafely(item: Item, context: DoctorContext): Promise<Seen> {
  try {
    const [run] = item.disturbs ? await othersRuns(context) : []
    if (run !== undefined) return skipped(`run ${run} came meanwhile, and is not to be disturbed`)
    return await item.look(context)
  } catch (error) {
    if (context.signal.aborted) return skipped('interrupted')
    if (isMillraceError(error)) return failed(`${error.code}: ${error.message}`)
    return failed(String(error))
  }
}
