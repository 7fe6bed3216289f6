import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import type { Lease } from '../../shared/protocol/lease.ts'
import type { CheckpointSetting } from '../checkpoint/checkpointer.ts'
import { checkpointOf } from '../checkpoint/checkpoint.ts'
import { endsAfter } from './closing.ts'
import { exactResume, isExact } from '../checkpoint/exactResume.ts'
import type { Experiment } from '../experiment.ts'
import { Goal } from './goal.ts'
import type { RunObserver, RunSummary, StopReason } from './observer.ts'
import { planOf } from '../planOf.ts'
import { learner as learnerKey, publisher as publisherKey, rolloutSource, runState } from '../resources.ts'
import type { RunCloud } from './cloud.ts'
import { runParts } from './parts.ts'
import type { EngineName } from '../training/engine.ts'

export interface TrainOptions {
  /** Name of the run: its objects lie under it, its messages carry it. */
  readonly run: string
  readonly cloud: RunCloud
  readonly observer?: RunObserver
  /** Ends the run at a clean boundary. */
  readonly signal?: AbortSignal
  /** The experiment as a self-contained module, for functions that need a user's own env; or where it is in the bucket. */
  readonly envCode?: Uint8Array | NonNullable<Lease['env']['code']>
  /** Saves the run every so often, and when the signal ends it. See `CheckpointSetting`. */
  readonly checkpoint?: CheckpointSetting | undefined
  /** A checkpoint of this experiment, to go on from. Give the run another name than that of the attempt it is of. */
  readonly resume?: Uint8Array | undefined
  /** Time and cost of all attempts before, also what was spent after the checkpoint: the run's limits count them. */
  readonly earlier?: { readonly elapsedMs: number; readonly costUsd: number } | undefined
  /** The attempt's number, from 1: each attempt samples from seeds of its own. */
  readonly attempt?: number
  /** Keeps the batch of an update that diverged, by the update's number. @returns where, for the error */
  readonly keepDiverged?: ((batch: Uint8Array, update: number) => Promise<string>) | undefined
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
 * sampled and not trained on is lost; in deterministic mode it is made again, so that the run is the one that was never interrupted.
 *
 * @throws MillraceError E_CHECKPOINT when `resume` cannot be read or is of another experiment, E_ENGINE when the run is over and what
 *   trains hangs; else what made the run impossible or ended it, functions being told to stop by then
 */
export async function train(experiment: Experiment, options: TrainOptions): Promise<TrainResult> {
  const { run, cloud, observer = {}, signal, checkpoint } = options
  const before = options.resume && checkpointOf(experiment, options.resume)
  const goesOn = before && isExact(experiment) ? exactResume(experiment, before, options.envCode) : undefined
  const [exact, brokenBecause] = typeof goesOn === 'string' ? [undefined, goesOn] : [goesOn]
  const { plan, output, setting, stages } = planOf(experiment, exact?.from)
  const parts = await runParts(experiment, { setting, stages, before, exact, brokenBecause }, options)
  const {
    elapsedMs,
    spec,
    env,
    meter,
    sampler,
    state,
    learner,
    publisher,
    reporter,
    saver,
    firstPolicy,
    events,
    onEvent,
  } = parts
  // A cloud that several runs share tells each of all.
  if (observer.onOutput)
    cloud.onFunctionOutput?.((output) => {
      if (output.run === undefined || output.run === run) observer.onOutput?.(output)
    })
  cloud.onInvocationFailed?.((...failed) => sampler.invocationFailed(...failed))
  const { algorithm, seed, stop } = experiment
  observer.onFates?.(() => ({
    updates: state.clocks.updates,
    trainedSteps: state.clocks.trainedSteps,
    fragments: { ...state.fates, ...sampler.rejected, inHand: sampler.fragmentsInHand },
    leases: sampler.leases.counts,
    functions: sampler.leases.functions,
  }))
  observer.onStart?.({ run, env, algorithm: algorithm.name, seed, where: cloud.where, stop })

  const goal = new Goal(experiment, { meter, elapsedMs })
  // An attempt that was killed right after it reached its goal had no time to say so.
  if (before)
    goal.reached({
      meanReturn: state.episodes.mean(),
      episodes: state.episodes.episodes,
      envSteps: state.clocks.envSteps,
    })
  const over = AbortSignal.any([goal.signal, ...(signal ? [signal] : [])])
  // At once, and not when everything is closed: until they hear of it, functions wait for policies, and cost.
  let told: Promise<void> | undefined
  const tellFunctions = () => (told ??= publisher.stop().catch((error: unknown) => onEvent(untold(error))))
  const onOver = () => void tellFunctions()
  over.addEventListener('abort', onOver, { once: true })
  let hangs = false
  try {
    state.onUpdate = (update) => void reporter.update(update)
    publisher.start()
    reporter.start()
    events.start()
    // Functions start while the learner does: they wait for their first policy.
    const first = firstPolicy()
      .then(({ version, model }) => publisher.publish(version, model))
      .then(() => sampler.policyPublished())
      .catch((error: unknown) => sampler.source.fail(error))
    const resources = [
      rolloutSource.of(sampler.source),
      learnerKey.of(learner),
      publisherKey.of(publisher),
      runState.of(state),
    ]
    let newest: Uint8Array | undefined
    let reached: StopReason | undefined
    const updates = async (): Promise<void> => {
      for await (const update of plan.run(output, { resources, signal: over })) {
        newest = update.policy
        const line = reporter.cameOut(update)
        reached = goal.reached(line)
        if (!reached) continue
        reporter.overWith(line)
        break
      }
      await first
    }
    hangs = !(await endsAfter(over, updates()))
    const reason = reached ?? whyOver(goal, over) ?? (signal?.aborted ? 'interrupted' : 'ended')
    if (hangs)
      throw new MillraceError(
        'E_ENGINE',
        `the run was over (${reason}), but its last update does not end: what trains hangs`,
      )
    if (reason === 'interrupted' || checkpoint?.atEveryEnd) await saver?.last()
    // Of the update that reached the goal or a limit: the learner may be one further.
    const policy = (reached && newest) ?? (await learner.policy())
    events.close()
    return { summary: reporter.end(reason), policy, spec }
  } catch (error) {
    void tellFunctions()
    if (checkpoint?.atEveryEnd && !hangs && isSound(error)) await saver?.last()
    throw error
  } finally {
    goal.close()
    over.removeEventListener('abort', onOver)
    reporter.close()
    events.close()
    // A learner that hangs answers neither of the two.
    if (!hangs) await saver?.close()
    await sampler.discard()
    await tellFunctions()
    if (!hangs) await learner.close()
  }
}

/** Whether the weights are still those of the last update after the run failed with this error: one that diverged keeps them. */
const isSound = (error: unknown): boolean => !isMillraceError(error, 'E_ENGINE')

/** The limit that came before the signal from outside, if one did. */
const whyOver = (goal: Goal, over: AbortSignal): StopReason | undefined =>
  goal.signal.aborted && over.reason === goal.signal.reason ? goal.reason : undefined

/** What fails here would hide why the run ended; functions then end by the heartbeat. */
const untold = (error: unknown): string => `functions could not be told to stop: ${String(error)}`
