import { resolve } from 'node:path'
import { type Experiment, withOverrides } from '../../learner/experiment.ts'
import type { LoadedExperiment } from '../../library/load/loadExperiment.ts'
import type { LoadedPair } from '../../library/load/loadPair.ts'
import { PAIR_ENV_STEPS } from '../../library/load/pair.ts'
import { configOf, type RunConfig } from '../../library/run/resume.ts'
import { usage } from '../arguments.ts'
import { count } from '../display/format.ts'
import { fromHere } from '../display/summary.ts'
import { print } from '../display/wrap.ts'
import type { Host } from '../host.ts'
import type { TrainOptions, TrainParts } from './train.ts'

interface Context {
  readonly options: TrainOptions
  readonly host: Host
  readonly parts: Pick<TrainParts, 'load' | 'loadPair'>
}

type Loaded = (LoadedExperiment & { readonly pair?: undefined }) | (LoadedPair & { readonly file?: undefined })

/** What a run's record keeps, so that it can be gone on with: a file, or what was named in its place. */
export const sourceOf = ({ file, pair }: Loaded) => ({ file, pair })

export interface Setting {
  readonly loaded: Loaded
  /** With every override. */
  readonly experiment: Experiment
  readonly set: Readonly<Record<string, string>>
}

/** Loads the experiment of the file, or of the run to resume, with the run's overrides and those of the command line. */
export async function settingOf({ options, host, parts }: Context): Promise<Setting> {
  const { file, resume, seed, out, faults } = options
  const resumes = resume !== undefined && resume !== 'auto'
  if (resumes && out !== undefined) throw usage('--resume goes on in the folder it names; leave out --out')
  const config = resumes ? await configOf(resolve(host.cwd, resume)) : undefined
  const pair = file === undefined ? (options.pair ?? config?.pair) : undefined
  const loaded: Loaded = pair
    ? await parts.loadPair(pair)
    : await parts.load(file ?? fileOf(config, resume), { cwd: host.cwd })
  const set = {
    ...config?.set,
    ...(faults === undefined ? {} : { faults }),
    ...options.set,
    ...(seed === undefined ? {} : { seed: String(seed) }),
  }
  if (loaded.pair && config === undefined && !options.quiet) print(host.out, whichExperiment(loaded, host.cwd))
  const experiment = Object.keys(set).length > 0 ? withOverrides(loaded.experiment, set) : loaded.experiment
  return { loaded, experiment, set }
}

function fileOf(config: RunConfig | undefined, folder = ''): string {
  if (config?.file !== undefined) return config.file
  throw usage(
    `the run in ${folder} was begun by a program: go on with it there, by train(experiment, { runFolder, resume: true })`,
  )
}

/** Whoever names no file is told what is trained. */
function whichExperiment({ pair, tuned }: LoadedPair, cwd: string): string {
  const named = `${pair.algorithm} on ${pair.env}`
  if (tuned === undefined)
    return `${named}: nobody has tuned this pair; ${pair.algorithm}'s defaults, for ${count(PAIR_ENV_STEPS)} env steps unless stop says otherwise`
  const other = tuned.env === pair.env ? '' : `, which is for ${tuned.env}`
  return `${named}: as tuned in ${fromHere(tuned.file, cwd)}${other}`
}
