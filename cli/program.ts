import { Command, CommanderError } from 'commander'
import {
  choice,
  choiceArgument,
  defined,
  folderName,
  keep,
  portNumber,
  positiveNumber,
  settings,
  stageName,
  usage,
  wholeNumber,
} from './arguments.ts'
import type { EvaluateOptions } from './commands/evaluate.ts'
import { GRAPH_FORMATS, type GraphOptions } from './commands/graph.ts'
import type { ListOptions } from './commands/list.ts'
import { CLOUD_LEARNERS, type CloudOptions } from './commands/cloud.ts'
import type { TrainOptions } from './commands/train.ts'
import { fit } from './display/wrap.ts'
import { EXIT } from './exitCodes.ts'
import { FAULT_SETS } from '../shared/faults/names.ts'
import { HELP_STYLE, arrangeHelp, helpWidth } from './help.ts'
import type { Host } from './host.ts'
import { LISTED } from './listed/names.ts'
import { report, wantsDebug } from './report.ts'
import { addShellCommands } from './shellCommands.ts'
import { type StageCommands, addStageCommands } from './stageCommands.ts'
import { meant, usageError } from './usage.ts'

/** The commands behind the command line; each gives back the exit status. */
export interface Commands extends StageCommands {
  train(options: TrainOptions, host: Host): Promise<number>
  evaluate(options: EvaluateOptions, host: Host): Promise<number>
  graph(options: GraphOptions, host: Host): Promise<number>
  list(options: ListOptions, host: Host): Promise<number>
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
    await program.parseAsync(meant(args, program, host.cwd), { from: 'user' })
    return exitCode
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok // --help, --version
    const error = thrown instanceof CommanderError ? usageError(thrown, { program, args, cwd: host.cwd }) : thrown
    const asked = { debug: wantsDebug(args, host.env), serial: args.includes('--serial') }
    const { text, exitCode: code } = report(error, { ...asked, colors: host.err.colors })
    host.err.write(fit(text, host.err))
    return code
  }
}

interface TrainFlags extends Omit<TrainOptions, 'file' | 'pair' | 'set'> {
  readonly env?: string
  readonly algorithm?: string
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
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show what a command takes')
    .helpCommand(false)
    .configureHelp(HELP_STYLE)
    .configureOutput({
      writeOut: (text) => host.out.write(text),
      writeErr: () => {},
      getOutHelpWidth: () => helpWidth(host.out),
    })
    .showSuggestionAfterError(false)
    .exitOverride()
  // Commands made from `program` take over its settings above.
  const command = (name: string, description: string) =>
    program.command(name).description(description).option('--debug', 'print the stack of an error')

  command('train', 'train an experiment, on the emulated cloud unless AWS is named')
    .argument('[experiment]', 'experiment file (.ts or .js), or the name of an example: cartpole')
    .argument('[settings...]', 'more key=value settings for --set')
    .option('--env <id>', 'in the place of a file: this built-in env, with --algorithm')
    .option('--algorithm <name>', 'the algorithm for --env: as tuned in an example, else with its defaults')
    .option('--seed <n>', 'seed of everything random', wholeNumber)
    .option('--out <folder>', 'run folder; by default runs/<experiment>-<date>-<seed>', folderName)
    .option('--set <key=value>', 'change a setting, e.g. rollouts.shards=4; may be repeated', keep, [])
    .option(
      '--resume <folder>',
      'go on with the run in this run folder; auto: with the newest unfinished one of this experiment',
      folderName,
    )
    .option('--checkpoint-seconds <n>', 'seconds between checkpoints, 30 by default', positiveNumber)
    .option('--faults <set>', `faults to inject: ${FAULT_SETS.join(', ')}, or rates as JSON`)
    .option('--serial', 'run everything in one process, for a debugger', false)
    .option('--quiet', 'print only warnings and errors', false)
    .action(async (given: string | undefined, more: string[], o: TrainFlags) => {
      const { seed, out, serial, quiet, resume, checkpointSeconds, faults } = o
      const pair = pairOf(o)
      // With --resume or --env no experiment need be named: the first word may be a setting.
      const mayLackFile = resume !== undefined || pair !== undefined
      const isSetting = mayLackFile && given !== undefined && /^[\w.]+=/.test(given)
      const file = isSetting ? undefined : given
      if (file !== undefined && pair !== undefined) throw usage(`--env and --algorithm stand in the place of ${file}`)
      const needsFile = pair === undefined && (resume === undefined || resume === 'auto')
      if (file === undefined && needsFile) throw missing('experiment')
      const set = settings(o.set, isSetting ? [given, ...more] : more)
      const options = { set, serial, quiet, ...defined({ file, pair, seed, out, resume, checkpointSeconds, faults }) }
      done(await commands.train(options, host))
    })

  command('evaluate', 'play episodes with the policy of a run')
    .argument('<run folder>', 'a folder that train or run made; with --stage, a run of that stage')
    .option('--stage <name>', 'evaluate on the functions of this stage, with the policy in its bucket', stageName)
    .option('--episodes <n>', 'number of episodes', positiveNumber, 100)
    .option('--seed <n>', 'seed of the episodes', wholeNumber, 0)
    .option('--stochastic', 'sample actions instead of taking the likeliest', false)
    .action(async (folder: string, o: Omit<EvaluateOptions, 'folder'>) => {
      const { episodes, seed, stochastic, stage } = o
      done(await commands.evaluate({ folder, episodes, seed, stochastic, ...defined({ stage }) }, host))
    })

  command('graph', "print an experiment's dataflow plan")
    .argument('<experiment>', 'experiment file, or the name of an example')
    .addOption(choice('--format <format>', GRAPH_FORMATS, GRAPH_FORMATS.join(', ')).default('text'))
    .action(async (file: string, o: { format: GraphOptions['format'] }) => {
      done(await commands.graph({ file, format: o.format }, host))
    })

  command(
    'list',
    'print what is built in: envs, with their spaces and what takes them; algorithms, with their defaults',
  )
    .addArgument(choiceArgument('<what>', LISTED, 'what to print'))
    .option('--json', 'as JSON', false)
    .action(async (what: ListOptions['what'], { json }: Pick<ListOptions, 'json'>) => {
      done(await commands.list({ what, json }, host))
    })

  command('cloud', 'run the emulated cloud by itself, until Ctrl-C; with --stage, in the place of AWS')
    .option('--port <n>', 'port on 127.0.0.1; 0 is any that is free', portNumber, 4566)
    .option('--folder <folder>', 'keep the objects in this folder; by default in memory only', folderName)
    .option('--stage <name>', 'contain this stage, as if it were deployed', stageName)
    .option('--app <name>', "the stage's app; by default that of millrace.settings.ts, or millrace")
    .addOption(
      choice(
        '--learner <how>',
        CLOUD_LEARNERS,
        `of the stage: ${CLOUD_LEARNERS.join(' (started when asked for), ')} (started by hand)`,
      ),
    )
    .action(async ({ port, folder, stage, app, learner }: CloudOptions) => {
      done(await commands.cloud({ port, ...defined({ folder, stage, app, learner }) }, host))
    })

  addStageCommands({ host, commands, done, command })
  addShellCommands({ host, program, command })
  arrangeHelp(program, host.out)
  return program
}

/** One of the two would leave half of an experiment open. */
function pairOf({ env, algorithm }: Pick<TrainFlags, 'env' | 'algorithm'>): TrainOptions['pair'] {
  if (env === undefined && algorithm === undefined) return undefined
  if (algorithm === undefined) throw usage(`--env ${env} goes with --algorithm; millrace list envs says which take it`)
  if (env === undefined) throw usage(`--algorithm ${algorithm} goes with --env; millrace list envs says what it takes`)
  return { env, algorithm }
}

/** Commander's own complaint: an argument that only some options let be left out. */
const missing = (argument: string): CommanderError =>
  new CommanderError(1, 'commander.missingArgument', `error: missing required argument '${argument}'`)
