import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command, CommanderError } from 'commander'
import { type MillraceError, nearestName } from '../shared/errors.ts'
import { usage } from './arguments.ts'
import { quoted } from './display/shell.ts'
import { exampleNames, experimentFiles, isRunFolder, runFolders } from './localFiles.ts'

/**
 * A command line as it was meant where commander takes other words: `millrace` alone asks for help, as `docker`, `kubectl`, `cargo` and `gh` alone
 * do, and gets it with status 0; `-V` and `version` for the version; `train help` for the help of `train`, unless something is called `help` here.
 */
export function meant(args: readonly string[], program: Command, cwd: string): readonly string[] {
  const [first, second] = args
  if (first === undefined) return ['--help']
  if (args.length === 1 && (first === '-V' || first === 'version')) return ['--version']
  const asksForHelp = args.length === 2 && second === 'help' && first !== 'help'
  if (asksForHelp && namesOf(program).includes(first) && !existsSync(resolve(cwd, 'help'))) return [first, '--help']
  return args
}

interface Line {
  readonly program: Command
  readonly args: readonly string[]
  readonly cwd: string
}

/** Commander's complaint as one sentence, with what was probably meant. */
export function usageError(error: CommanderError, line: Line): MillraceError {
  const { program, args } = line
  const command = program.commands.find((c) => c.name() === args[0]) ?? program
  const sentence = error.message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replace(/\.$/, '')
  const [, kind, name = ''] = /^unknown (option|command) '([^'=]+)/.exec(sentence) ?? []
  if (kind === 'command') return unknownCommand(args[0] ?? name, line)
  if (kind === 'option') return unknownOption(sentence, name, { ...line, command })
  return usage(missingOption(sentence, command, args) ?? missingArgument(sentence, command, line) ?? sentence)
}

/** @param name as it was typed: a command, or what a command takes */
export function unknownCommand(name: string, { program, cwd }: Pick<Line, 'program' | 'cwd'>): MillraceError {
  const path = resolve(cwd, name)
  if (isRunFolder(path))
    return usage(`${name} is a run folder, not a command; did you mean 'millrace evaluate ${quoted(name)}'?`)
  const isFile = /\.m?[jt]s$/.test(name) && existsSync(path)
  if (isFile) return usage(`${name} is a file, not a command; did you mean 'millrace train ${quoted(name)}'?`)
  if (exampleNames().includes(name))
    return usage(`${name} is an example, not a command; did you mean 'millrace train ${name}'?`)
  const known = namesOf(program)
  const begun = known.filter((command) => name.length > 1 && command.startsWith(name))
  const near = nearestName(name, known) ?? (begun.length === 1 ? begun[0] : undefined) ?? WORDS[name]
  const sentence = `unknown command '${name}'`
  return near === undefined ? usage(sentence, known) : usage(`${sentence}; did you mean '${near}'?`)
}

/** What other tools call these things. */
const WORDS: Readonly<Record<string, string>> = {
  learn: 'train',
  fit: 'train',
  resume: 'train',
  test: 'evaluate',
  play: 'evaluate',
  plan: 'graph',
  plot: 'graph',
  draw: 'graph',
  new: 'init',
  create: 'init',
  up: 'deploy',
  ls: 'status',
  ps: 'status',
  runs: 'status',
  tail: 'logs',
  kill: 'stop',
  cancel: 'stop',
  destroy: 'remove',
  delete: 'remove',
  down: 'remove',
  rm: 'remove',
  check: 'doctor',
  envs: 'list',
  algorithms: 'list',
}

function unknownOption(sentence: string, name: string, { program, command }: Line & { readonly command: Command }) {
  const known = optionsOf(command)
  const near = nearestName(name, known)
  if (near !== undefined) return usage(`${sentence}; did you mean '${near}'?`)
  const takers = program.commands.filter((c) => c !== command && c.options.some(({ long }) => long === name))
  if (command !== program || takers.length === 0) return usage(sentence, known)
  return usage(`${name} comes after a command that takes it: ${takers.map((c) => c.name()).join(', ')}`)
}

/** An option that has to be there is misspelt more often than forgotten. */
function missingOption(sentence: string, command: Command, args: readonly string[]): string | undefined {
  const missing = /^required option '(--[\w-]+)/.exec(sentence)?.[1]
  if (missing === undefined) return undefined
  const known = optionsOf(command)
  const given = args.map((arg) => arg.split('=')[0] ?? '').filter((arg) => arg.startsWith('--') && !known.includes(arg))
  const typo = given.find((arg) => nearestName(arg, [missing]) !== undefined)
  return typo && `unknown option '${typo}'; did you mean '${missing}'?`
}

/** What a command was not told, with what there is to tell it. */
function missingArgument(sentence: string, command: Command, { cwd }: Line): string | undefined {
  const missing = /^missing required argument '(.+)'$/.exec(sentence)?.[1]
  const like = (name: string) => `${sentence}, as in 'millrace ${command.name()} ${quoted(name)}'`
  if (missing === 'experiment') {
    const files = experimentFiles(cwd)
    const here = files.length > 0 ? `; experiments here: ${files.slice(0, MOST_SHOWN).map(quoted).join(', ')}` : ''
    return `${like(files[0] ?? 'cartpole')}${here}; examples of Millrace: ${exampleNames().join(', ')}`
  }
  const choices = command.registeredArguments.find((argument) => argument.name() === missing)?.argChoices
  if (choices?.[0] !== undefined && missing !== undefined) return `${like(choices[0])}; there are ${choices.join(', ')}`
  if (missing !== 'run folder') return undefined
  const [newest] = runFolders(cwd)
  return newest === undefined ? `${sentence}: there is none in runs here; millrace train makes one` : like(newest)
}

const MOST_SHOWN = 8

export function namesOf(program: Command): string[] {
  return program.commands.map((command) => command.name())
}

function optionsOf(command: Command): string[] {
  return [...command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : [])), '--help']
}
