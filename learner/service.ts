import { sha256Hex } from '../shared/batch/hash.ts'
import { CostMeter } from '../shared/cost/costMeter.ts'
import { US_EAST_1 } from '../shared/cost/priceBook.ts'
import { asDefinition, makeVectorEnv } from '../shared/env/index.ts'
import { MillraceError } from '../shared/errors.ts'
import type { PolicySpec } from '../shared/policy/spec.ts'
import { policySpecFor } from '../shared/policy/index.ts'
import { keys } from '../shared/protocol/keys.ts'
import type { Lease } from '../shared/protocol/lease.ts'
import { deriveSeed } from '../shared/random.ts'
import { checkpointOf, experimentHash } from './checkpoint.ts'
import { type CheckpointSetting, Checkpointer } from './checkpointer.ts'
import type { Experiment } from './experiment.ts'
import type { RunObserver, RunSummary, StopReason, UpdateLine } from './observer.ts'
import { EPISODE_WINDOW } from './episodeWindow.ts'
import { planOf } from './planOf.ts'
import { Publisher } from './publisher.ts'
import { Reporter } from './reporter.ts'
import { learner as learnerKey, publisher as publisherKey, rolloutSource, runState } from './resources.ts'
import { Sampler } from './rollouts/sampler.ts'
import type { RunCloud } from './runCloud.ts'
import { RunState } from './runState.ts'
import { type EngineName, makeLearner } from './training/makeLearner.ts'

/** A function that waits for a newer policy goes on with the old one after this long, so that a lost fragment cannot stop a run. */
const PATIENCE_MS = 2_000

export interface TrainOptions {
  /** Name of the run: its objects lie under it, its messages carry it. */
  readonly run: string
  readonly cloud: RunCloud
  readonly observer?: RunObserver
  /** Ends the run at a clean boundary. */
  readonly signal?: AbortSignal
  /** The experiment as a self-contained module, for functions that need a user's own env; or where it is in the bucket. */
  readonly envCode?: Uint8Array | NonNullable<Lease['env']['code']>
  /** Saves the run every so often, and when the signal ends it. */
  readonly checkpoint?: CheckpointSetting | undefined
  /** A checkpoint of this experiment, to go on from. Give the run another name than that of the attempt it is of. */
  readonly resume?: Uint8Array | undefined
  /** The how manieth attempt at the run this is, from 1: each samples from seeds of its own. */
  readonly attempt?: number
  /** What runs the train graph, unless the experiment asks for something else. */
  readonly engine?: EngineName | undefined
}

export interface TrainResult {
  readonly summary: RunSummary
  /** The final policy as ONNX. */
  readonly policy: Uint8Array
  readonly spec: PolicySpec
}

/**
 * Runs an experiment to its end: experiment → plan → updates, until its goal or a limit is reached or the signal aborts.
 *
 * With `resume` it goes on from a checkpoint: clocks, returns, weights, optimizer, time and cost. What the attempt before it had
 * sampled and not trained on is lost, so that a run that was interrupted is not the run that was not, in deterministic mode neither.
 *
 * @throws MillraceError E_CHECKPOINT when `resume` cannot be read or is of another experiment; else what made the run impossible or
 *   ended it, functions being told to stop by then
 */
export async function train(experiment: Experiment, options: TrainOptions): Promise<TrainResult> {
  const { run, cloud, observer = {}, signal, attempt = 1 } = options
  const { algorithm, rollouts, seed } = experiment
  const { plan, output, setting } = planOf(experiment)
  const before = options.resume && checkpointOf(experiment, options.resume)
  const spec = specOf(experiment)
  const env = await envOf(experiment, options)

  const meter = new CostMeter(US_EAST_1, {
    memoryMb: cloud.memoryMb,
    now: () => cloud.clock.now(),
    learnerHourUsd: cloud.learnerHourUsd,
    before: before?.costByPart,
  })
  const onEvent = (text: string): void => observer.onEvent?.({ level: 'warn', text })
  const baseVersion = before?.state.clocks.updates ?? 0
  const pacing = { ...algorithm.pacing(setting), baseVersion, patienceMs: PATIENCE_MS }
  const rolloutSeed = attempt === 1 ? seed : deriveSeed(seed, 'attempt', attempt)
  const sampler = new Sampler({ run, cloud, rollouts, env, policy: spec, seed: rolloutSeed, pacing, meter, onEvent })
  cloud.onInvocationFailed?.((requestId, reason) => sampler.invocationFailed(requestId, reason))
  const state = new RunState((fragment) => sampler.consumed(fragment))
  if (before) state.restore(before.state)
  const learner = makeLearner(experiment, {
    setting,
    policy: spec,
    trainWorker: cloud.trainWorker,
    engine: options.engine,
    state: before?.train,
  })
  const publisher = new Publisher(cloud.store, cloud.clock, {
    run,
    heartbeatMs: cloud.heartbeatMs,
    consumed: () => sampler.consumedUpTo,
    onRequest: (s3Put) => meter.request({ s3Put }),
  })
  const reporter = new Reporter({ run, state, sampler, learner, meter, observer, before: before?.report })
  const saver =
    options.checkpoint &&
    new Checkpointer(options.checkpoint, {
      run,
      experiment: experimentHash(experiment),
      state,
      learner,
      meter,
      reporter,
      clock: cloud.clock,
      onEvent,
    })
  observer.onStart?.({ run, env: env.id, algorithm: algorithm.name, seed, where: cloud.where, stop: experiment.stop })

  try {
    publisher.start()
    reporter.start()
    // Functions start while the learner does: they wait for their first policy.
    const first = learner
      .policy()
      .then((model) => publisher.publish(baseVersion, model))
      .catch((error: unknown) => sampler.source.fail(error))
    const resources = [
      rolloutSource.of(sampler.source),
      learnerKey.of(learner),
      publisherKey.of(publisher),
      runState.of(state),
    ]
    const goal = new Goal(experiment, { meter, elapsedMs: before?.report.elapsedMs ?? 0 })
    const abort = AbortSignal.any([goal.signal, ...(signal ? [signal] : [])])
    let reason: StopReason = 'ended'
    let newest: Uint8Array | undefined
    for await (const update of plan.run(output, { resources, signal: abort })) {
      newest = update.policy
      const reached = goal.reached(reporter.update(update))
      if (!reached) continue
      reason = reached
      break
    }
    if (reason === 'ended') reason = signal?.aborted ? 'interrupted' : goal.signal.aborted ? 'seconds' : reason
    goal.close()
    await first
    if (reason === 'interrupted') await saver?.last()
    // Of the update that ended the run: the learner may be one further.
    const policy = newest ?? (await learner.policy())
    return { summary: reporter.end(reason), policy, spec }
  } finally {
    reporter.close()
    await saver?.close()
    // What fails here would hide why the run ended; functions then end by the heartbeat.
    await publisher.stop().catch((error: unknown) => onEvent(`functions could not be told to stop: ${String(error)}`))
    await learner.close()
  }
}

/** When a run is over. */
class Goal {
  private readonly experiment: Experiment
  private readonly meter: CostMeter
  private readonly abort = new AbortController()
  private readonly timer: NodeJS.Timeout | undefined

  /** @param elapsedMs of earlier attempts */
  constructor(experiment: Experiment, { meter, elapsedMs }: { readonly meter: CostMeter; readonly elapsedMs: number }) {
    this.experiment = experiment
    this.meter = meter
    const { seconds } = experiment.stop
    if (seconds === undefined) return
    this.timer = setTimeout(() => this.abort.abort(), Math.max(0, seconds * 1000 - elapsedMs))
  }

  /** Aborts when the time is up. */
  get signal(): AbortSignal {
    return this.abort.signal
  }

  reached({ meanReturn, episodes, envSteps }: UpdateLine): StopReason | undefined {
    const { stop, budget } = this.experiment
    if (stop.meanReturn !== undefined && episodes >= EPISODE_WINDOW && (meanReturn ?? -Infinity) >= stop.meanReturn)
      return 'meanReturn'
    if (stop.envSteps !== undefined && envSteps >= stop.envSteps) return 'envSteps'
    return budget !== undefined && this.meter.total() >= budget.usd ? 'budget' : undefined
  }

  close(): void {
    clearTimeout(this.timer)
  }
}

function specOf({ env, envConfig }: Experiment): PolicySpec {
  const { observationSpace, actionSpace } = makeVectorEnv(env, { numEnvs: 1, config: envConfig })
  return policySpecFor(observationSpace, actionSpace)
}

/** How functions come by the env: a built-in by its id, a user's own as a module in the bucket. */
async function envOf({ env, envConfig }: Experiment, { run, cloud, envCode }: TrainOptions): Promise<Lease['env']> {
  const { id } = asDefinition(env)
  if (typeof env === 'string') return { id, config: envConfig }
  if (!envCode) {
    throw new MillraceError(
      'E_EXPERIMENT',
      `env '${id}' is the experiment's own, and the experiment was not given as a module`,
      { env: id },
    )
  }
  if (!(envCode instanceof Uint8Array)) return { id, config: envConfig, code: envCode }
  const sha256 = sha256Hex(envCode)
  const key = keys.code(run, sha256)
  await cloud.store.put(key, envCode)
  return { id, config: envConfig, code: { key, sha256 } }
}
