/**
 * The cloud's control plane: stages, the learner's group, limits, schedules, logs, quotas. Every service's client is loaded when it is
 * first used, since a command needs one or two of them. Endpoints and credentials are found as for the data plane.
 */
import type { LearnerHost, StageDescription } from '../../protocol/stage.ts'
import type { AwsOptions } from '../endpoints.ts'
import type { ConcurrencyLimit, DeadMan, LearnerGroup } from '../ports.ts'
import type { LogLine, LogQuery } from './logs.ts'
import type { DeadManSchedules } from './schedules.ts'

export { awsProblem } from './problem.ts'
export type { LogLine, LogQuery } from './logs.ts'

/**
 * A deployed stage by its name.
 * @throws MillraceError E_STAGE, naming those that exist, when there is none of this name; E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS
 */
export async function findStage(app: string, stage: string, options?: AwsOptions): Promise<StageDescription> {
  return await (await import('./stages.ts')).findStage(app, stage, options)
}

/** A stage's description as it was written, by whatever version; undefined where there is none. @throws as `findStage` */
export async function stageText(app: string, stage: string, options?: AwsOptions): Promise<string | undefined> {
  return await (await import('./stages.ts')).stageText(app, stage, options)
}

/** The names of an app's stages in this region, in order. @throws as `findStage` */
export async function listStages(app: string, options?: AwsOptions): Promise<readonly string[]> {
  return await (await import('./stages.ts')).listStages(app, options)
}

/** The stage that a parameter describes: for a learner, which is told only its name. @throws as `findStage` */
export async function stageByParameter(name: string, options?: AwsOptions): Promise<StageDescription> {
  return await (await import('./stages.ts')).stageByParameter(name, options)
}

/** Writes a stage's description, as deploying does. @throws MillraceError E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS */
export async function saveStage(description: StageDescription, options?: AwsOptions): Promise<void> {
  await (await import('./stages.ts')).saveStage(description, options)
}

/** The machine that a stage's learner runs on. One that runs anywhere is nobody's to start: 0 of 0, and setting it does nothing. */
export function learnerGroup(host: LearnerHost, options?: AwsOptions): LearnerGroup {
  if (host.kind === 'anywhere') return { size: async () => ({ desired: 0, running: 0 }), set: async () => {} }
  const group = once(async () =>
    host.kind === 'gpu'
      ? (await import('./groups.ts')).autoScalingGroup(host.autoScalingGroup, options)
      : (await import('./services.ts')).ecsService(host, options),
  )
  return { size: async () => (await group()).size(), set: async (desired) => (await group()).set(desired) }
}

/** The reserved concurrency of a function. */
export function concurrencyLimit(functionName: string, options?: AwsOptions): ConcurrencyLimit {
  const limit = once(async () => (await import('./functions.ts')).reservedConcurrency(functionName, options))
  return { get: async () => (await limit()).get(), set: async (value) => (await limit()).set(value) }
}

/** One-time schedules, all pushed on together. They strike within the minute after their time. */
export function deadManSchedules(schedules: DeadManSchedules, options?: AwsOptions): DeadMan {
  const deadMan = once(async () => (await import('./schedules.ts')).schedulesAsDeadMan(schedules, options))
  return { arm: async (at) => (await deadMan()).arm(at), disarm: async () => (await deadMan()).disarm() }
}

/**
 * What was written to log groups, in the order of time. An abort ends it quietly; groups that do not exist are empty.
 * @throws MillraceError E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS
 */
export async function* logLines(query: LogQuery, options?: AwsOptions): AsyncGenerator<LogLine> {
  yield* (await import('./logs.ts')).readLogs(query, options)
}

/** Whose the credentials are, and in which region requests go out. @throws MillraceError E_CREDENTIALS, E_REGION, E_AWS */
export async function account(options?: AwsOptions): Promise<{ account: string; arn: string; region: string }> {
  return await (await import('./identity.ts')).callerIdentity(options)
}

/** Lambda's quota of concurrent executions in this region, and what is left of it to functions without a reservation. */
export async function concurrencyQuota(options?: AwsOptions): Promise<{ limit: number; unreserved: number }> {
  return await (await import('./functions.ts')).concurrencyQuota(options)
}

/** How many vCPUs of GPU machines (families G and VT) the account may have at once in this region. */
export async function gpuQuota(kind: { readonly spot: boolean }, options?: AwsOptions): Promise<number> {
  return await (await import('./quotas.ts')).gpuVcpuQuota(kind, options)
}

/** How many networks (VPCs) the account may have in this region, and the names of those that are there ('' for one without). */
export async function networks(options?: AwsOptions): Promise<{ quota: number; names: readonly string[] }> {
  const [{ networkQuota }, { networkNames }] = await Promise.all([import('./quotas.ts'), import('./networks.ts')])
  const [quota, names] = await Promise.all([networkQuota(options), networkNames(options)])
  return { quota, names }
}

/** Which of these instance types the region has, in the order given. */
export async function offeredInstanceTypes(types: readonly string[], options?: AwsOptions): Promise<string[]> {
  return await (await import('./instances.ts')).regionalInstanceTypes(types, options)
}

/**
 * Calls a function and waits for its answer, parsed.
 * @throws MillraceError E_INVOKE with the function's own sentence when it failed; E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS
 */
export async function invokeSync(functionName: string, payload: unknown, options?: AwsOptions): Promise<unknown> {
  return await (await import('./functions.ts')).invokeSync(functionName, payload, options)
}

/** The same promise for every caller; one that failed is made anew. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () =>
    (made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    }))
}
