import { AsyncLocalStorage } from 'node:async_hooks'
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { type Experiment, type ExperimentInput, experiment as checked } from '../learner/experiment.ts'
import type { RunObserver } from '../learner/run/observer.ts'
import type { TrainResult as ServiceResult } from '../learner/run/service.ts'
import { asDefinition, isBuiltIn } from '../shared/env/index.ts'
import { MillraceError, nearestName } from '../shared/errors.ts'
import { filePath } from './load/filePath.ts'
import { showValue } from '../shared/showValue.ts'
import type { LoadedExperiment } from './load/loadExperiment.ts'
import type { TakenUp } from './run/resume.ts'
import type { TrainOptions, TrainResult } from './train.ts'

/** What `train` of the library does, loaded when it is called: an experiment file imports the library, too. */
export async function trainHere(
  given: Experiment | ExperimentInput | string | URL,
  options: TrainOptions,
): Promise<TrainResult> {
  checkOptions(options)
  const source = await sourceOf(given, options)
  const [{ train }, { installedVersions, readResult }] = await Promise.all([
    import('../learner/run/service.ts'),
    import('./run/records.ts'),
  ])
  const versions = installedVersions()
  const { experiment } = source
  const observer = guarded([options.observer, options.onProgress && { onProgress: options.onProgress }])
  const taken = await folderOf(experiment, options, { version: versions.millrace, observer })
  const path = taken && { runFolder: taken.folder.path }
  const finished = taken?.resumed?.finished
  if (taken && finished) {
    await taken.folder.release()
    return { ...readResult(taken.folder.path, finished), ...path }
  }
  const [{ trainInto }, { runName }] = await Promise.all([import('./run/trainInto.ts'), import('./run/runFolder.ts')])
  const failing = new AbortController()
  observer.onFailure(() => failing.abort())
  const result: ServiceResult = await trainInto({
    experiment,
    run: taken?.resumed?.config.run ?? runName(source.name, Date.now(), experiment.seed),
    folder: taken?.folder,
    resumed: taken?.resumed,
    file: source.file,
    envCode: source.envCode,
    openCloud: async () => await cloudOf(options, experiment),
    train,
    versions,
    observer,
    signal: AbortSignal.any([failing.signal, ...(options.signal ? [options.signal] : [])]),
    onError: (error) => failing.abort(error),
    onCloseError: (error) => observer.onEvent?.({ level: 'warn', text: String(error) }),
    now: Date.now,
    every: (ms, tick) => {
      const timer = setInterval(tick, ms).unref()
      return () => clearInterval(timer)
    },
    checkpointSeconds: options.checkpointSeconds,
  })
  observer.rethrow()
  return { ...result, ...path }
}

const OPTIONS = [
  'signal',
  'onProgress',
  'observer',
  'runFolder',
  'resume',
  'checkpointSeconds',
  'cloud',
  'envModule',
] as const satisfies readonly (keyof TrainOptions)[]

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const isFunction = (value: unknown): boolean => typeof value === 'function'
const isObserver = (value: unknown): boolean =>
  isObject(value) &&
  Object.entries(value).every(([name, of]) => !name.startsWith('on') || of === undefined || isFunction(of))

/** What each option has to be, for a program in JavaScript. */
const KINDS: readonly (readonly [keyof TrainOptions, (value: unknown) => boolean, string])[] = [
  ['signal', (value) => value instanceof AbortSignal, 'an AbortSignal'],
  ['onProgress', isFunction, 'a function'],
  ['observer', isObserver, 'an object with methods onStart, onUpdate …'],
  ['runFolder', (value) => typeof value === 'string' && value !== '', 'the path of a folder'],
  ['resume', (value) => typeof value === 'boolean', 'true or false'],
  ['cloud', (value) => isObject(value) && 'store' in value && 'clock' in value, 'what emulatedCloud() gives'],
  ['envModule', (value) => typeof value === 'string' || value instanceof URL, 'a path or a URL'],
]

/** A program may be JavaScript: an option that is misspelt must not count as left out. */
function checkOptions(options: TrainOptions): void {
  const wrong = (why: string) => new MillraceError('E_USAGE', `train: ${why}`)
  if (!isObject(options)) throw wrong(`its options are ${showValue(options)}, expected an object`)
  for (const name of Object.keys(options)) {
    if (OPTIONS.some((known) => known === name)) continue
    const near = nearestName(name, OPTIONS)
    throw wrong(`there is no option '${name}'; ${near ? `did you mean '${near}'?` : `there are ${OPTIONS.join(', ')}`}`)
  }
  for (const [name, fits, expected] of KINDS) {
    const value: unknown = options[name]
    if (value !== undefined && !fits(value)) throw wrong(`${name} is ${showValue(value)}, expected ${expected}`)
  }
  const { resume, runFolder, checkpointSeconds: seconds } = options
  if (resume && runFolder === undefined) throw wrong('resume wants a runFolder, whose run is to go on')
  if (seconds !== undefined && !(Number.isFinite(seconds) && seconds > 0))
    throw wrong(`checkpointSeconds is ${String(seconds)}, expected a number above 0`)
}

interface Source {
  readonly experiment: Experiment
  /** Names the run. */
  readonly name: string
  readonly file: string | undefined
  readonly envCode: () => Promise<Uint8Array | undefined>
}

/** The file that is being loaded. `train` refuses to run while it is set. */
const loading = new AsyncLocalStorage<string>()

async function sourceOf(given: Experiment | ExperimentInput | string | URL, options: TrainOptions): Promise<Source> {
  const inside = loading.getStore()
  if (inside !== undefined) {
    throw new MillraceError(
      'E_EXPERIMENT',
      `${inside} calls train() while train() loads it; export the experiment there, and call train() in another module`,
    )
  }
  const { envModule } = options
  if (typeof given !== 'string' && !(given instanceof URL)) {
    const experiment = checked(given)
    const { id } = asDefinition(experiment.env)
    if (isBuiltIn(experiment.env))
      return { experiment, name: slug(id), file: undefined, envCode: async () => undefined }
    if (envModule === undefined) throw noModule(id)
    const file = moduleFile(envModule)
    return { experiment, name: slug(id), file: undefined, envCode: async () => await bundled(file, id) }
  }
  const { loadExperiment, bundleEnvCode } = await import('./load/loadExperiment.ts')
  const path = filePath(given, 'the experiment')
  const load = async () => await loadExperiment(path, { cwd: process.cwd() })
  const { experiment, file, name, ownEnv }: LoadedExperiment = await loading.run(basename(path), load)
  const { id } = asDefinition(experiment.env)
  const module = envModule === undefined ? undefined : moduleFile(envModule)
  const code = async () => (module === undefined ? await bundleEnvCode(file) : await bundled(module, id))
  return { experiment, name, file, envCode: async () => (ownEnv ? await code() : undefined) }
}

function moduleFile(envModule: string | URL): string {
  const file = filePath(envModule, 'envModule')
  if (existsSync(file)) return file
  throw new MillraceError('E_EXPERIMENT', `there is no module ${file}, which was given as envModule`)
}

const slug = (id: string): string => id.toLowerCase()

async function bundled(file: string, id: string): Promise<Uint8Array> {
  return await (await import('./load/bundle.ts')).bundleEnvModule(file, id)
}

const noModule = (id: string): MillraceError =>
  new MillraceError(
    'E_EXPERIMENT',
    `env '${id}' is your own, and functions load it from a module: pass envModule, for example new URL('./env.ts', import.meta.url)`,
    { env: id },
  )

async function folderOf(
  experiment: Experiment,
  { runFolder, resume }: TrainOptions,
  { version, observer }: { readonly version: string; readonly observer: RunObserver },
): Promise<TakenUp | undefined> {
  if (runFolder === undefined) return undefined
  const path = resolve(runFolder)
  if (!resume) return { folder: await (await import('./run/runFolder.ts')).createRunFolder(path), resumed: undefined }
  const tell = (text: string) => observer.onEvent?.({ level: 'warn', text })
  return await (await import('./run/resume.ts')).takeUp(path, experiment, { version, tell, orBegin: true })
}

/** A cloud that was given stays open, and may have other runs on it. */
async function cloudOf({ cloud }: TrainOptions, { faults }: Experiment) {
  if (!cloud) return await (await import('./openCloud.ts')).openCloud({ serial: false, faults })
  if (faults !== undefined)
    throw new MillraceError(
      'E_USAGE',
      'train: the experiment has faults, which only a cloud of its own injects; leave out cloud, or faults',
    )
  return cloud.forRun ? await cloud.forRun() : { ...cloud, close: async () => undefined }
}

/** Joins a user's observers into one. An error in one of them ends the run, not the process. */
function guarded(list: readonly (RunObserver | undefined)[]) {
  let failed: { readonly error: unknown } | undefined
  let told = () => {}
  const fail = (error: unknown) => {
    failed ??= { error }
    told()
  }
  const call = <K extends keyof RunObserver>(name: K, value: Parameters<Required<RunObserver>[K]>[0]): void => {
    for (const observer of list) {
      try {
        const returned: unknown = (observer?.[name] as ((value: unknown) => unknown) | undefined)?.call(observer, value)
        if (returned instanceof Promise) returned.catch(fail)
      } catch (error) {
        fail(error)
      }
    }
  }
  const observer: Required<RunObserver> = {
    onStart: (info) => call('onStart', info),
    onUpdate: (line) => call('onUpdate', line),
    onProgress: (progress) => call('onProgress', progress),
    onEvent: (event) => call('onEvent', event),
    onEveryEvent: (event) => call('onEveryEvent', event),
    onOutput: (output) => call('onOutput', output),
    onEnd: (summary) => call('onEnd', summary),
    onFates: (fates) => call('onFates', fates),
  }
  return Object.assign(observer, {
    onFailure(listener: () => void) {
      told = listener
      if (failed) listener()
    },
    /** @throws what an observer threw */
    rethrow() {
      if (failed) throw failed.error
    },
  })
}
