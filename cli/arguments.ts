import { Argument, InvalidArgumentError, Option } from 'commander'
import { MillraceError, nearestName } from '../shared/errors.ts'
import { STAGE_LETTERS, isStageName } from '../shared/protocol/stageName.ts'

/** What a command line's words mean. @throws MillraceError E_USAGE, or commander's own error with the option's name before it */
export function settings(set: readonly string[], more: readonly string[]): Record<string, string> {
  const pairs = [...set, ...more].map((text): [string, string] => {
    const at = text.indexOf('=')
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
    throw usage(set.includes(text) ? `--set wants key=value, got '${text}'` : `unexpected argument '${text}'`)
  })
  return Object.fromEntries(pairs)
}

export function keep(value: string, before: readonly string[]): string[] {
  return [...before, value]
}

function integer(text: string, { min, max, what }: { min: number; max: number; what: string }): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value
  throw new InvalidArgumentError(`expected ${what}`)
}

export const wholeNumber = (text: string) =>
  integer(text, { min: 0, max: Number.MAX_SAFE_INTEGER, what: 'a whole number from 0 to 9,007,199,254,740,991' })
export const positiveNumber = (text: string) =>
  integer(text, { min: 1, max: 1_000_000, what: 'a whole number from 1 to 1,000,000' })
export const portNumber = (text: string) => integer(text, { min: 0, max: 65_535, what: 'a port, 0 to 65535' })

/** The name of a folder: an empty one would be the folder one is in. */
export function folderName(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('expected the name of a folder')
}

/** One of a few names, with the nearest one for a typo. */
function oneOf<T extends string>(known: readonly T[], text: string): T {
  const found = known.find((name) => name === text)
  if (found !== undefined) return found
  const near = nearestName(text, known)
  throw new InvalidArgumentError(`expected ${known.join(', ')}${near ? `; did you mean '${near}'?` : ''}`)
}

/** An option that takes one of a few names; completion offers them. */
export function choice(flags: string, names: readonly string[], description: string): Option {
  const option = new Option(flags, description).argParser((text: string) => oneOf(names, text))
  option.argChoices = [...names]
  return option
}

/** An argument that is one of a few names; completion offers them. */
export function choiceArgument(taken: string, names: readonly string[], description: string): Argument {
  const argument = new Argument(taken, description).argParser((text: string) => oneOf(names, text))
  argument.argChoices = [...names]
  return argument
}

export function stageName(text: string): string {
  if (isStageName(text)) return text
  throw new InvalidArgumentError(
    `expected 1 to ${STAGE_LETTERS} small letters and digits, with single hyphens between them`,
  )
}

/** Leaves out what is undefined, for options whose absence has a meaning. */
export function defined<T extends Record<string, unknown>>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

export function usage(sentence: string, known: readonly string[] = []): MillraceError {
  const list = known.length > 0 ? `; there are ${known.join(', ')}` : ''
  return new MillraceError('E_USAGE', `${sentence}${list} (millrace --help)`)
}
