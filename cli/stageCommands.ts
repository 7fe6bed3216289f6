import { type Command, InvalidArgumentError, Option } from 'commander'
import type { DeployOptions } from './commands/deploy.ts'
import type { DoctorOptions } from './commands/doctor.ts'
import type { InitOptions } from './commands/init.ts'
import type { LearnerOptions } from './commands/learner.ts'
import { LOG_SOURCES, type LogsOptions } from './commands/logs.ts'
import type { RemoveOptions } from './commands/remove.ts'
import type { RunOptions } from './commands/run.ts'
import type { StatusOptions } from './commands/status.ts'
import type { StopOptions } from './commands/stop.ts'
import type { Host } from './host.ts'
import { choice, defined, keep, settings, stageName, wholeNumber, folderName } from './arguments.ts'

/** The commands around a deployed stage; each gives back the exit status. */
export interface StageCommands {
  init(options: InitOptions, host: Host): Promise<number>
  deploy(options: DeployOptions, host: Host): Promise<number>
  run(options: RunOptions, host: Host): Promise<number>
  status(options: StatusOptions, host: Host): Promise<number>
  logs(options: LogsOptions, host: Host): Promise<number>
  stop(options: StopOptions, host: Host): Promise<number>
  remove(options: RemoveOptions, host: Host): Promise<number>
  doctor(options: DoctorOptions, host: Host): Promise<number>
  learner(options: LearnerOptions, host: Host): Promise<number>
}

export interface StageProgram {
  readonly host: Host
  readonly commands: StageCommands
  readonly done: (exitCode: number) => void
  readonly command: (name: string, description: string) => Command
}

/** The commands of a stage, added to a program. */
export function addStageCommands({ host, commands, done, command }: StageProgram): void {
  const onStage = (name: string, description: string) =>
    command(name, description).requiredOption('--stage <name>', 'which stage of the project', stageName)

  command('init', 'make a small project: an env of its own, an experiment, a test, and what deploys it')
    .argument('<folder>', 'a new or empty folder')
    .option('--millrace <spec>', 'version or path of millrace for its package.json; by default this installation')
    .action(async (folder: string, { millrace }: { millrace?: string }) => {
      done(await commands.init({ folder, ...defined({ millrace }) }, host))
    })

  onStage('deploy', 'make or update a stage on AWS').action(async (options: DeployOptions) => {
    done(await commands.deploy(options, host))
  })

  onStage('run', 'train an experiment on a deployed stage')
    .argument('<experiment>', 'experiment file (.ts or .js), or the name of an example')
    .argument('[settings...]', 'more key=value settings for --set')
    .option('--seed <n>', 'seed of everything random', wholeNumber)
    .option('--out <folder>', 'run folder; by default runs/<run>', folderName)
    .option('--set <key=value>', 'change a setting, e.g. rollouts.shards=40; may be repeated', keep, [])
    .option('--detach', 'start it and do not follow it', false)
    .option('--quiet', 'print only warnings and errors', false)
    .action(async (file: string, more: string[], o: Omit<RunOptions, 'file' | 'set'> & { set: string[] }) => {
      const { stage, seed, out, detach, quiet } = o
      const set = settings(o.set, more)
      done(await commands.run({ file, stage, set, detach, quiet, ...defined({ seed, out }) }, host))
    })

  onStage('status', 'where the runs of a stage stand')
    .argument('[run]', 'one run; without it, all runs')
    .option('--follow', 'show the run until it is over, and bring its folder', false)
    .option('--out <folder>', 'with --follow: run folder; by default runs/<run>', folderName)
    .option('--json', 'print JSON', false)
    .action(async (run: string | undefined, o: Omit<StatusOptions, 'run'>) => {
      done(await commands.status({ ...o, ...defined({ run }) }, host))
    })

  onStage('logs', 'show what learner and functions of a stage wrote')
    .addOption(choice('--of <source>', LOG_SOURCES, LOG_SOURCES.join(', ')).default('all'))
    .addOption(
      new Option('--since <time>', 'how far back: 30s, 10m, 2h, 1d').argParser(duration).default(600_000, '10m'),
    )
    .option('--follow', 'go on until Ctrl-C', false)
    .action(async (o: { stage: string; of: LogsOptions['of']; since: number; follow: boolean }) => {
      done(await commands.logs({ stage: o.stage, of: o.of, sinceMs: o.since, follow: o.follow }, host))
    })

  onStage('stop', 'end runs of a stage: functions and learner')
    .argument('[run]', 'one run; without it, all runs')
    .option('--now', 'do not wait for the learner', false)
    .action(async (run: string | undefined, o: Omit<StopOptions, 'run'>) => {
      done(await commands.stop({ ...o, ...defined({ run }) }, host))
    })

  onStage('remove', 'remove a stage from AWS, with everything in it').action(async (options: RemoveOptions) => {
    done(await commands.remove(options, host))
  })

  onStage('doctor', 'check a deployed stage, item by item')
    .option('--json', 'print JSON', false)
    .option('--dead-man', 'let the dead-man strike as well, which takes minutes', false)
    .action(async (options: DoctorOptions) => {
      done(await commands.doctor(options, host))
    })

  command('learner', 'serve the runs of a stage from this machine')
    .option('--stage <name>', 'which stage of the project', stageName)
    .option('--parameter <name>', 'the parameter that describes the stage, where there is no project')
    .option('--once', 'end as soon as no run waits', false)
    .action(async (options: LearnerOptions) => {
      done(await commands.learner(options, host))
    })
}

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

function duration(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text) ?? []
  if (number === undefined) throw new InvalidArgumentError('expected a time such as 30s, 10m, 2h or 1d')
  return Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS]
}
