import type { Argument, Command, Option } from 'commander'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { exampleNames, experimentFiles, runFolders, usedStages } from '../localFiles.ts'
import { ALGORITHM_NAMES } from '../../learner/algorithms/index.ts'
import { envIds } from '../../shared/env/index.ts'
import { FAULT_SETS } from '../../shared/faults/names.ts'
import type { Shell } from './scripts.ts'

export interface Candidate {
  /** What the word may become. */
  readonly value: string
  readonly description?: string
}

export interface Answer {
  /** Paths are quoted by the shell, and a folder is not the end of a word. */
  readonly kind: 'words' | 'paths'
  readonly candidates: readonly Candidate[]
}

interface Setting {
  readonly shell: Shell
  readonly cwd: string
}

/**
 * What the last of some words may become: commands, their options and what those take, experiment files, run folders. Read off the program
 * itself, so that it never falls behind.
 *
 * @param words after the program's name, the last one as far as it is typed, perhaps empty
 */
export function candidates(program: Command, words: readonly string[], { shell, cwd }: Setting): Answer {
  const whole = shell === 'bash' ? joined(words) : words
  const current = unquoted(whole.at(-1) ?? '')
  const before = whole.slice(0, -1)
  const [, option, typed] = /^(--[\w-]+)=(.*)$/s.exec(current) ?? []
  const answer = option === undefined ? offered(program, before, { current, cwd }) : valuesOf(option)
  const fitting = answer.candidates.filter(({ value }) => value.startsWith(current))
  return {
    ...answer,
    candidates: fitting.map((found) => ({ ...found, value: found.value.slice(cut(current, shell)) })),
  }

  function valuesOf(long: string): Answer {
    const found = commandOf(program, before).options.find((o) => o.long === long)
    const values = found ? optionValues(found, { current: typed ?? '', cwd }) : NONE
    return { ...values, candidates: values.candidates.map((c) => ({ ...c, value: `${long}=${c.value}` })) }
  }
}

/** As the scripts read it: the kind, then a candidate a line with its description behind a tab. */
export function answerLines({ kind, candidates: found }: Answer): string {
  const lines = found
    .filter(({ value }) => !/[\n\t]/.test(value)) // a line could not say where such a name ends
    .map(({ value, description }) => (description ? `${value}\t${description}` : value))
  return [kind, ...lines].map((line) => `${line}\n`).join('')
}

interface Place {
  readonly current: string
  readonly cwd: string
}

const NONE: Answer = { kind: 'words', candidates: [] }

function offered(program: Command, before: readonly string[], place: Place): Answer {
  const command = commandOf(program, before)
  const asked = optionThatAsks(command, before.at(-1))
  if (asked) return optionValues(asked, place)
  const given = before.includes('--') ? [] : optionsOf(command, before)
  if (place.current.startsWith('-')) return { kind: 'words', candidates: given }
  if (command === program) return before.length > 0 ? NONE : { kind: 'words', candidates: commandsOf(program) }
  if (command.name() === 'help') return before.length === 1 ? { kind: 'words', candidates: commandsOf(program) } : NONE
  const taken = operands(command, before.slice(1))
  const answer = argumentValues(command.registeredArguments[taken], place)
  return answer.candidates.length > 0 || place.current !== '' ? answer : { kind: 'words', candidates: given }
}

const commandOf = (program: Command, before: readonly string[]): Command =>
  program.commands.find((command) => command.name() === before[0]) ?? program

function commandsOf(program: Command): Candidate[] {
  return program.commands.map((command) => ({ value: command.name(), description: command.description() }))
}

/** Options not given yet; some may be given again. */
function optionsOf(command: Command, before: readonly string[]): Candidate[] {
  const again = (option: Option) => Array.isArray(option.defaultValue)
  const open = command.options.filter((o) => o.long && !o.hidden && (again(o) || !before.includes(o.long)))
  return [
    ...open.map(({ long, description }) => ({ value: long ?? '', description })),
    { value: '--help', description: 'show what a command takes' },
  ]
}

const optionThatAsks = (command: Command, word: string | undefined): Option | undefined =>
  command.options.find((option) => option.required && (option.long === word || option.short === word))

/** How many of a command's arguments these words have filled. */
function operands(command: Command, words: readonly string[]): number {
  const isValue = (i: number) => i > 0 && optionThatAsks(command, words[i - 1]) !== undefined
  return words.filter((word, i) => !word.startsWith('-') && !isValue(i)).length
}

function optionValues(option: Option, place: Place): Answer {
  if (option.argChoices) return { kind: 'words', candidates: option.argChoices.map((value) => ({ value })) }
  if (option.long === '--env') return { kind: 'words', candidates: envIds().map((value) => ({ value })) }
  if (option.long === '--algorithm') return { kind: 'words', candidates: ALGORITHM_NAMES.map((value) => ({ value })) }
  if (option.long === '--faults') return { kind: 'words', candidates: FAULT_SETS.map((value) => ({ value })) }
  if (option.flags.includes('<folder>')) return { kind: 'paths', candidates: entries(place, (_, isFolder) => isFolder) }
  if (option.long === '--stage') return { kind: 'words', candidates: usedStages(place.cwd).map((value) => ({ value })) }
  return NONE
}

function argumentValues(argument: Argument | undefined, place: Place): Answer {
  if (argument === undefined) return NONE
  switch (argument.name()) {
    case 'experiment': {
      const elsewhere = place.current.includes('/') ? [] : exampleNames()
      const files = entries(place, (name, isFolder) => isFolder || /\.m?[jt]s$/.test(name))
      const found = [...experimentFiles(place.cwd), ...elsewhere].map((value) => ({ value }))
      const rest = files.filter(({ value }) => !found.some((f) => f.value === value))
      // What is surely an experiment comes alone, until a path is begun that leads elsewhere.
      const enough = found.some(({ value }) => value.startsWith(place.current))
      return { kind: 'paths', candidates: enough ? found : rest }
    }
    case 'run folder': {
      const found = runFolders(place.cwd).map((value) => ({ value }))
      const enough = found.some(({ value }) => value.startsWith(place.current))
      return { kind: 'paths', candidates: enough ? found : entries(place, (_, isFolder) => isFolder) }
    }
    case 'folder':
      return { kind: 'paths', candidates: entries(place, (_, isFolder) => isFolder) }
    default:
      return { kind: 'words', candidates: (argument.argChoices ?? []).map((value) => ({ value })) }
  }
}

/** What is in the folder that a half-typed path leads to; a folder ends with a slash. */
function entries({ current, cwd }: Place, wanted: (name: string, isFolder: boolean) => boolean): Candidate[] {
  const folder = current.slice(0, current.lastIndexOf('/') + 1)
  const path = resolve(cwd, folder)
  if (!existsSync(path)) return []
  return readdirSync(path).flatMap((name) => {
    if (name.startsWith('.') && !current.slice(folder.length).startsWith('.')) return []
    const isFolder = statSync(resolve(path, name), { throwIfNoEntry: false })?.isDirectory() ?? false
    return wanted(name, isFolder) && name !== 'node_modules'
      ? [{ value: `${folder}${name}${isFolder ? '/' : ''}` }]
      : []
  })
}

/** Bash has broken words at `=` and `:`; here they are whole again. */
function joined(words: readonly string[]): string[] {
  const whole: string[] = []
  let open = false
  for (const word of words) {
    const breaks = /^[=:]+$/.test(word)
    if ((breaks || open) && whole.length > 0) whole.push((whole.pop() ?? '') + word)
    else whole.push(word)
    open = breaks
  }
  return whole
}

/** How much of the word bash does not want to hear again: all before the last place where it breaks words. */
const cut = (current: string, shell: Shell): number =>
  shell === 'bash' ? Math.max(current.lastIndexOf('='), current.lastIndexOf(':')) + 1 : 0

/** A half-typed word without the quotes and backslashes that the shell would take away. */
const unquoted = (word: string): string => word.replace(/^['"]/, '').replace(/\\(.)/gs, '$1')
