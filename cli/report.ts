import { withShownPaths } from '../library/load/shown.ts'
import { ONLY_HERE } from '../shared/env/onlyHere.ts'
import { isMillraceError, type ErrorCode, type MillraceError, type Where } from '../shared/errors.ts'
import { oneLine } from '../shared/oneLine.ts'
import { showThrown } from '../shared/showValue.ts'
import { EXIT } from './exitCodes.ts'
import { noColors, type Colors } from './terminal.ts'

const UNEXPECTED = 'please report it, with what MILLRACE_DEBUG=1 prints'
/** Losses square what rewards sum up to. */
const LARGE_REWARD = 1e3

/** What a user can do about an error; for those whose sentence does not say it already. */
const HINTS: Partial<Record<ErrorCode, string | ((where: Where) => string)>> = {
  E_ENV_STEP: 'millrace train --serial runs everything in one process, for a debugger',
  E_TRAIN_DIVERGED: ({ largestReward }) =>
    Number(largestReward ?? 0) > LARGE_REWARD
      ? `rewards this large make the loss overflow: set the algorithm's rewardScale (rewardScale: ${(1 / Number(largestReward)).toPrecision(1)} makes them about 1)`
      : 'try a smaller learning rate or a smaller gradient norm limit',
  E_INTERNAL: UNEXPECTED,
}

/** An env that looks for a file of the machine it was written on, in a function. */
const missesFile = ({ code, message, where }: MillraceError): boolean =>
  where['shard'] !== undefined &&
  (code === 'E_ENV_STEP' || code === 'E_ROLLOUT') &&
  /\bENOENT\b/.test(message) &&
  !message.includes(ONLY_HERE)

export interface Report {
  /** For stderr, each line ended. */
  readonly text: string
  readonly exitCode: number
}

/**
 * Turns anything thrown into what the user reads: one sentence with its code, the user's own part of the stack, where it happened,
 * what to do. A whole stack only with `debug`.
 *
 * @param options.serial the command was given --serial, and is not told to use it
 */
export function report(
  thrown: unknown,
  options: { readonly debug?: boolean; readonly serial?: boolean; readonly colors?: Colors } = {},
): Report {
  const { debug = false, serial = false, colors = noColors } = options
  const error = firstKnown(thrown)
  const lines = isMillraceError(error)
    ? known(error, { serial, colors })
    : [`${colors.red('unexpected error')}: ${oneLine(showThrown(error))}`, `  hint: ${UNEXPECTED}`]
  if (debug) lines.push(...stacks(thrown))
  const usage = isMillraceError(error, 'E_USAGE')
  return { text: lines.map((line) => `${line}\n`).join(''), exitCode: usage ? EXIT.usage : EXIT.error }
}

export function wantsDebug(args: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean {
  return (
    args.includes('--debug') || !['', '0', 'false', 'no', 'off'].includes((env['MILLRACE_DEBUG'] ?? '').toLowerCase())
  )
}

function known(
  error: MillraceError,
  { serial, colors }: { readonly serial: boolean; readonly colors: Colors },
): string[] {
  const { code, message, where, userStack } = error
  // The stack begins with the place. That a failure might have passed is for programs: it was tried for minutes by now.
  const said = (key: string) => (key === 'at' && userStack !== undefined) || key === 'mayPass'
  const places = Object.entries(where).filter(([key, value]) => value !== undefined && value !== '' && !said(key))
  const shownPlaces = places.map(([key, value]) => `${oneLine(key)} ${oneLine(withShownPaths(String(value)))}`)
  const known = serial && code === 'E_ENV_STEP' ? undefined : HINTS[code]
  const hint = !serial && missesFile(error) ? ONLY_HERE : typeof known === 'function' ? known(where) : known
  return [
    `${colors.red(`error ${oneLine(code)}`)}: ${oneLine(withShownPaths(message))}`,
    ...frames(userStack).map((frame) => `    ${frame}`),
    ...(shownPlaces.length > 0 ? [`  where: ${shownPlaces.join(', ')}`] : []),
    ...(hint ? [`  hint: ${hint}`] : []),
  ]
}

/** The user's own part of a stack, with paths as they would say them. */
function frames(userStack: string | undefined): string[] {
  return userStack === undefined ? [] : userStack.split('\n').map((line) => oneLine(withShownPaths(line)))
}

/** Of several errors at once, the first that has a code: the others are mostly its consequences. */
function firstKnown(thrown: unknown): unknown {
  if (isMillraceError(thrown) || !(thrown instanceof AggregateError)) return thrown
  const inner = thrown.errors.map(firstKnown)
  return inner.find((error) => isMillraceError(error)) ?? inner[0] ?? thrown
}

function stacks(thrown: unknown): string[] {
  const lines: string[] = []
  for (let error = thrown, depth = 0; error instanceof Error && depth < 10; error = error.cause, depth++) {
    lines.push(...`${depth > 0 ? 'caused by ' : ''}${error.stack ?? showThrown(error)}`.split('\n'))
  }
  return lines
}
