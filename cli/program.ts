import { Command, CommanderError } from 'commander'
import { type MillraceError, nearestName } from '../shared/errors.ts'
import {
  defined,
  keep,
  oneOf,
  portNumber,
  positiveNumber,
  settings,
  stageName,
  usage,
  wholeNumber,
} from './arguments.ts'
import type { EvaluateOptions } from './commands/evaluate.ts'
import { GRAPH_FORMATS, type GraphOptions } from './commands/graph.ts'
import { CLOUD_LEARNERS, type CloudOptions } from './commands/cloud.ts'
import type { TrainOptions } from './commands/train.ts'
import { EXIT } from './exitCodes.ts'
import type { Host } from './host.ts'
import { report, wantsDebug } from './report.ts'
import { type StageCommands, addStageCommands } from './stageCommands.ts'

/** The commands behind the command line; each gives back the exit status. */
export interface Commands extends StageCommands {
  train(options: TrainOptions, host: Host): Promise<number>
  evaluate(options: EvaluateOptions, host: Host): Promise<number>
  graph(options: GraphOptions, host: Host): Promise<number>
  cloud(options: CloudOptions, host: Host): Promise<number>
}

/**
 * Runs one command line. Whatever goes wrong becomes a sentence on stderr.
 *
 * @param args without the program's own name
 * @returns the exit status
 */
export async function runProgram(
  args: readonly string[],
  host: Host,
  options: { readonly commands: Commands; readonly version: string },
) {
  let exitCode: number = EXIT.ok
  const program = buildProgram({ ...options, host, done: (code) => (exitCode = code) })
  try {
    if (args.length === 0) throw usage('a command is missing', namesOf(program))
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok // --help, --version
    const error = thrown instanceof CommanderError ? usageError(thrown, findCommand(program, args), args) : thrown
    const { text, exitCode: code } = report(error, { debug: wantsDebug(args, host.env), colors: host.err.colors })
    host.err.write(text)
    return code
  }
}

interface TrainFlags extends Omit<TrainOptions, 'file' | 'set'> {
  readonly set: string[]
}

interface Parts {
  readonly host: Host
  readonly commands: Commands
  readonly version: string
  readonly done: (exitCode: number) => void
}

function buildProgram({ host, commands, version, done }: Parts): Command {
  const program = new Command('millrace')
    .description('Distributed reinforcement learning as dataflow, on serverless functions.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show what a command takes')
    .helpCommand(false)
    .configureOutput({ writeOut: (text) => host.out.write(text), writeErr: () => {} })
    .showSuggestionAfterError(false)
    .exitOverride()
    .addHelpText('after', EXAMPLES)
  // Commands made from `program` take over its settings above.
  const command = (name: string, description: string) =>
    program.command(name).description(description).option('--debug', 'print the stack of an error')

  command('train', 'train an experiment, on the emulated cloud unless AWS is named')
    .argument('[experiment]', 'experiment file (.ts or .js), or the name of an example: cartpole')
    .argument('[settings...]', 'more key=value settings for --set')
    .option('--seed <n>', 'seed of everything random', wholeNumber)
    .option('--out <folder>', 'run folder; by default runs/<experiment>-<date>-<seed>')
    .option('--set <key=value>', 'change a setting, e.g. rollouts.shards=4; may be repeated', keep, [])
    .option(
      '--resume <folder>',
      'go on with the run in this run folder; auto: with the newest unfinished one of this experiment',
    )
    .option('--checkpoint-seconds <n>', 'how often the run is saved, 30 by default', positiveNumber)
    .option('--serial', 'everything in one process, one thing at a time, for a debugger', false)
    .option('--quiet', 'print only warnings and errors', false)
    .action(async (given: string | undefined, more: string[], o: TrainFlags) => {
      const { seed, out, serial, quiet, resume, checkpointSeconds } = o
      // With --resume no experiment need be named: the first word may be a setting.
      const isSetting = resume !== undefined && given !== undefined && /^[\w.]+=/.test(given)
      const file = isSetting ? undefined : given
      const needsFile = resume === undefined || resume === 'auto'
      if (file === undefined && needsFile) throw usage("missing required argument 'experiment'")
      const set = settings(o.set, isSetting ? [given, ...more] : more)
      const options = { set, serial, quiet, ...defined({ file, seed, out, resume, checkpointSeconds }) }
      done(await commands.train(options, host))
    })

  command('evaluate', 'run the policy of a run in its environment')
    .argument('<run folder>', 'a folder that train or run made; with --stage, a run of that stage')
    .option('--stage <name>', 'play on the functions of this stage, with the policy in its bucket', stageName)
    .option('--episodes <n>', 'how many fresh episodes', positiveNumber, 100)
    .option('--seed <n>', 'seed of the episodes', wholeNumber, 0)
    .option('--stochastic', 'sample actions instead of taking the likeliest', false)
    .action(async (folder: string, o: Omit<EvaluateOptions, 'folder'>) => {
      const { episodes, seed, stochastic, stage } = o
      done(await commands.evaluate({ folder, episodes, seed, stochastic, ...defined({ stage }) }, host))
    })

  command('graph', "print an experiment's dataflow plan")
    .argument('<experiment>', 'experiment file, or the name of an example')
    .option('--format <format>', GRAPH_FORMATS.join(', '), (text) => oneOf(GRAPH_FORMATS, text), 'text')
    .action(async (file: string, o: { format: GraphOptions['format'] }) => {
      done(await commands.graph({ file, format: o.format }, host))
    })

  command('cloud', 'run the emulated cloud by itself, until Ctrl-C; with --stage, in the place of AWS')
    .option('--port <n>', 'port on 127.0.0.1; 0 is any that is free', portNumber, 4566)
    .option('--folder <folder>', 'keep the objects there; by default they are in memory only')
    .option('--stage <name>', 'with a stage in it, as if it were deployed there', stageName)
    .option('--app <name>', "the stage's app; by default that of millrace.settings.ts, or millrace")
    .option(
      '--learner <how>',
      `of the stage: ${CLOUD_LEARNERS.join(' (started when asked for), ')} (started by hand)`,
      (text) => oneOf(CLOUD_LEARNERS, text),
    )
    .action(async ({ port, folder, stage, app, learner }: CloudOptions) => {
      done(await commands.cloud({ port, ...defined({ folder, stage, app, learner }) }, host))
    })

  addStageCommands({ host, commands, done, command })
  return program
}

const EXAMPLES = `
Examples:
  millrace train cartpole                            train an example on the emulated cloud
  millrace train my.ts --seed 3 --set rollouts.shards=4
  millrace evaluate runs/cartpole-20261121-090000-1  mean return over 100 fresh episodes
  millrace graph my.ts --format mermaid              the plan as a drawing
  millrace run my.ts --stage demo                    train it on AWS, on a stage that millrace deploy made

Exit status: 0 done; 1 error; 2 a limit came before the goal; 3 somebody stopped the run; 64 wrong command line; 130 Ctrl-C.`

/** Commander's complaint as one sentence, with the nearest known name for a typo. */
function usageError(error: CommanderError, command: Command, args: readonly string[]): MillraceError {
  const sentence = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  const unknown = /^unknown (option|command) '([^'=]+)/.exec(sentence)
  if (!unknown) return usage(missingOption(sentence, command, args) ?? sentence.replace(/\.$/, ''))
  const [, kind, name = ''] = unknown
  const known = kind === 'option' ? optionsOf(command) : namesOf(command)
  const near = nearestName(name, known)
  if (!near) return usage(sentence, known)
  return usage(`${sentence}; did you mean '${near}'?`)
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

function findCommand(program: Command, args: readonly string[]): Command {
  return program.commands.find((c) => c.name() === args[0]) ?? program
}

function namesOf(program: Command): string[] {
  return program.commands.map((command) => command.name())
}

function optionsOf(command: Command): string[] {
  return [...command.options.flatMap((option) => option.long ?? []), '--help']
}
