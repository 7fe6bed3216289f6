import { rolloutForm } from '../../shared/batch/index.ts'
import type { LeaseStage } from '../../shared/protocol/lease.ts'
import { formAfter } from '../../shared/stages/index.ts'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { Patience, patientStore } from '../../shared/cloud/patience.ts'
import { CostMeter } from '../../shared/cost/costMeter.ts'
import { US_EAST_1 } from '../../shared/cost/priceBook.ts'
import { asDefinition, isBuiltIn, makeVectorEnv } from '../../shared/env/index.ts'
import { MillraceError } from '../../shared/errors.ts'
import { type PolicySpec, policySpecFor } from '../../shared/policy/index.ts'
import { keys } from '../../shared/protocol/keys.ts'
import type { Lease } from '../../shared/protocol/lease.ts'
import { deriveSeed } from '../../shared/random.ts'
import type { PlanSetting } from '../algorithm.ts'
import { checkActions } from '../algorithms/fitting.ts'
import { type Checkpoint, experimentHash } from '../checkpoint/checkpoint.ts'
import { checkFunctionMemory } from './checkFunctionMemory.ts'
import { checkTurns } from './checkTurns.ts'
import { Checkpointer } from '../checkpoint/checkpointer.ts'
import { EndlessEpisodes } from './endlessEpisodes.ts'
import { type ExactResume, rehome, saveExact } from '../checkpoint/exactResume.ts'
import { codeHash } from '../checkpoint/exactState.ts'
import type { Experiment } from '../experiment.ts'
import { Originals } from '../publish/originals.ts'
import { Outages } from './outages.ts'
import { RunEvents } from './events.ts'
import { Publisher } from '../publish/publisher.ts'
import { publishGraphs } from '../publish/publishGraphs.ts'
import { putWhole } from '../publish/putWhole.ts'
import { Reporter } from './reporter.ts'
import { leaseFragments } from '../rollouts/leases/fixedLeases.ts'
import { Sampler } from '../rollouts/sampler.ts'
import { RunState } from './state.ts'
import type { TrainOptions } from './service.ts'
import { keptBatch } from '../training/keptBatch.ts'
import { makeLearner, programOf } from '../training/makeLearner.ts'

/** A function that waits for a newer policy goes on with the old one after this long, so that a lost fragment cannot stop a run. */
const PATIENCE_MS = 2_000

/** Where an attempt at a run begins. */
export interface RunBeginning {
  readonly setting: PlanSetting
  /** What functions do with their fragments. */
  readonly stages: readonly LeaseStage[]
  /** What it goes on from. */
  readonly before?: Checkpoint | undefined
  readonly exact?: ExactResume | undefined
  /** Why the run, though it was to repeat bit for bit, does not from here on. */
  readonly brokenBecause?: string | undefined
}

/**
 * All that works on a run, made and not started: what samples, what learns, what publishes, what is known of it, and what saves it.
 *
 * @throws MillraceError E_EXPERIMENT, E_ENV_UNKNOWN, E_POLICY_SPEC
 */
export async function runParts(
  experiment: Experiment,
  { setting, stages, before, exact, brokenBecause }: RunBeginning,
  options: TrainOptions,
) {
  const { run, cloud, observer = {}, attempt = 1, earlier, checkpoint } = options
  const { algorithm, rollouts, seed } = experiment
  const { spec, isSaveable } = lookAt(experiment)
  const events = new RunEvents(observer)
  const onEvent = (text: string): void => events.add({ level: 'warn', text })
  const outages = new Outages(cloud.clock, onEvent)
  const start = new Patience({ clock: cloud.clock, signal: options.signal, onOutage: outages.seen })
  const store = patientStore(cloud.store, start)
  const originals = new Originals(store)
  const env = await envOf(experiment, { ...options, cloud: { ...cloud, store } }, originals)
  const meter = new CostMeter(US_EAST_1, {
    memoryMb: cloud.memoryMb,
    functionGbSecondUsd: cloud.functionGbSecondUsd,
    now: () => cloud.clock.monotonic(),
    learnerHourUsd: cloud.learnerHourUsd,
    before: spentBefore(before?.costByPart, earlier?.costUsd),
  })
  const baseVersion = exact?.state.baseVersion ?? before?.state.clocks.updates ?? 0
  const pacing = { ...algorithm.pacing(setting), baseVersion, patienceMs: PATIENCE_MS }
  if (pacing.mode === 'exact') checkTurns(experiment, cloud)
  checkFunctionMemory(rollouts, spec, cloud)
  // A run that is to repeat and has no checkpoint yet begins as it did; others do not sample the same again.
  const isFirst = attempt === 1 || (pacing.mode === 'exact' && !before)
  const rolloutSeed = exact?.state.seed ?? (isFirst ? seed : deriveSeed(seed, 'attempt', attempt))
  const { maxEpisodeSteps } = asDefinition(experiment.env)
  const { fragmentLength, envsPerShard: numEnvs } = rollouts
  const functionBytes = cloud.memoryMb * 1024 ** 2
  const program = programOf(experiment, { setting, policy: spec, functionBytes })
  const graphs = await publishGraphs(stages, program, { run, store, originals })
  const form = formAfter({ stages, graphs }, rolloutForm({ fragmentLength, numEnvs, policy: spec }))
  const { rounds = 1 } = form
  const anewEvery =
    pacing.mode === 'exact' && !isSaveable
      ? rounds * leaseFragments(rollouts, { perVersion: pacing.perVersion / rounds }, maxEpisodeSteps)
      : undefined
  const points = exact && (await rehome(exact, { run, env, numEnvs, store }))
  const sampler = new Sampler({
    run,
    cloud,
    rollouts,
    env,
    policy: spec,
    form,
    stages: { stages, ...(Object.keys(graphs).length > 0 && { graphs }) },
    seed: rolloutSeed,
    pacing,
    newestVersion: () => state.policyVersion,
    goOn: exact && points && { consumed: exact.consumed, points },
    policyHashes: (first) => publisher.hashesFrom(first),
    brokenBecause,
    anewEvery,
    meter,
    learnerSpeaksSince: () => publisher.speaksSince,
    originals,
    outages,
    onNews: () => publisher.tell(),
    onEvent,
  })
  const state: RunState = new RunState((fragment) => sampler.consumed(fragment))
  if (before) state.restore(before.state, baseVersion)
  const { keepDiverged } = options
  if (keepDiverged)
    state.keepBatch = async (fragments, update, where) =>
      await keepDiverged(keptBatch(fragments, form.columns, where), update)
  const learner = makeLearner(experiment, {
    setting,
    policy: spec,
    columns: form.columns,
    trainWorker: cloud.trainWorker,
    program,
    engine: options.engine,
    state: before?.program,
  })
  const publisher: Publisher = new Publisher(cloud.store, cloud.clock, {
    run,
    heartbeatMs: cloud.heartbeatMs,
    // An exact pace asks for versions that are no longer the newest; the newest itself rides in the manifest where it is small.
    everyVersion: pacing.mode === 'exact',
    oldestNeeded: () => sampler.oldestVersion,
    originals,
    consumed: () => sampler.consumedUpTo,
    // Where a function waits for what came of its own last fragment, it must not hear that it was taken before it can have that.
    consumedWithPolicy: pacing.mode === 'newest' && pacing.lead === 0 && algorithm.fragmentsPerUpdate(setting) === 1,
    window: pacing.mode === 'newest' ? () => sampler.window : undefined,
    handOver: () => sampler.wantsPlaces,
    onRequest: (s3Put) => meter.request({ s3Put }),
    onOutage: outages.seen,
    onEvent,
    onFatal: (error) => sampler.source.fail(error),
  })
  await publisher.restore(exact?.state.policies.slice(0, -1) ?? [])
  const newest = exact?.state.policies.at(-1)
  const elapsedMs = Math.max(before?.report.elapsedMs ?? 0, earlier?.elapsedMs ?? 0)
  const report = { curve: [], curveStride: 1, ...before?.report, elapsedMs }
  const endless = new EndlessEpisodes(state, {
    envs: rollouts.shards * rollouts.envsPerShard,
    hasGoal: experiment.stop.meanReturn !== undefined,
    episodesCut: () => sampler.episodesCut,
    onEvent,
  })
  const reporter = new Reporter({ run, state, sampler, learner, meter, observer, endless, before: report })
  const saved = { run, experiment: experimentHash(experiment), spec, state, learner, meter, reporter }
  const saving = {
    experiment,
    run,
    seed: rolloutSeed,
    code: codeHash(options.envCode),
    pacing,
    anewEvery,
    sampler,
    learner,
    publisher,
  }
  const repeats = pacing.mode === 'exact' ? async (updates: number) => await saveExact(saving, updates) : undefined
  const saver = checkpoint && new Checkpointer(checkpoint, { ...saved, clock: cloud.clock, exact: repeats, onEvent })
  return {
    elapsedMs,
    spec,
    env: env.id,
    meter,
    sampler,
    state,
    learner,
    publisher,
    reporter,
    saver,
    /** What functions act with first. */
    firstPolicy: async () => newest ?? { version: baseVersion, model: await learner.policy() },
    events,
    onEvent,
  }
}

/** USD by part of the attempts before: what the checkpoint tells, and under `lost` what was spent after it. */
function spentBefore(
  costByPart: Readonly<Record<string, number>> = {},
  totalUsd = 0,
): Readonly<Record<string, number>> {
  const known = Object.values(costByPart).reduce((sum, usd) => sum + usd, 0)
  if (totalUsd <= known) return costByPart
  return { ...costByPart, lost: (costByPart['lost'] ?? 0) + totalUsd - known }
}

/** What an env tells before it is stepped. */
function lookAt({ env, envConfig, algorithm }: Experiment): {
  readonly spec: PolicySpec
  readonly isSaveable: boolean
} {
  const probe = makeVectorEnv(env, { numEnvs: 1, config: envConfig })
  const isSaveable = probe.canSave ?? probe.save !== undefined
  probe.close?.()
  const { observationSpace, actionSpace, oneHot, actionMasks } = probe
  const [n = 1] = observationSpace.shape
  checkActions(algorithm, actionSpace)
  const shown = oneHot ? ({ kind: 'discrete', n } as const) : observationSpace
  const spec = algorithm.policy(policySpecFor(shown, actionSpace, actionMasks !== undefined))
  return { spec, isSaveable }
}

/** How functions come by the env: a built-in by its id, a user's own (a class, or one registered by id) as a module in the bucket. */
async function envOf(
  { env, envConfig }: Experiment,
  { run, cloud, envCode }: TrainOptions,
  originals: Originals,
): Promise<Lease['env']> {
  const { id } = asDefinition(env)
  if (!envCode) {
    if (isBuiltIn(env)) return { id, config: envConfig }
    throw new MillraceError(
      'E_EXPERIMENT',
      `env '${id}' is the experiment's own, and the experiment was not given as a module`,
      { env: id },
    )
  }
  if (!(envCode instanceof Uint8Array)) return { id, config: envConfig, code: envCode }
  const sha256 = sha256Hex(envCode)
  const key = keys.code(run, sha256)
  originals.keepForGood(key, envCode)
  await putWhole(cloud.store, key, envCode)
  return { id, config: envConfig, code: { key, sha256 } }
}
