import type { Progress, RunInfo, RunSummary, UpdateLine } from '../../learner/run/observer.ts'

export const info: RunInfo = {
  run: 'cartpole-20261121-090000-1',
  env: 'CartPole-v1',
  algorithm: 'impala',
  seed: 1,
  where: 'emulated cloud',
  stop: { meanReturn: 475, envSteps: 2_000_000 },
}

/** The n-th update of a recorded run: returns rise to 480 over 40 updates. */
export function updateLine(n: number): UpdateLine {
  return {
    atMs: 400 + n * 55,
    envSteps: n * 2560,
    trainedSteps: n * 2560,
    updates: n,
    policyVersion: n,
    lag: { min: 0, mean: 0.8, max: 1 + (n % 3) },
    meanReturn: n === 0 ? null : 20 + 11.5 * n,
    episodes: n * 12,
    metrics: { loss: 1 / (n + 1), entropy: 0.6 },
  }
}

export function progressAt(n: number, changes: Partial<Progress> = {}): Progress {
  return {
    ...updateLine(n),
    stepsPerSecond: 46_545,
    updatesPerSecond: 18.2,
    learnerIdleShare: 0.31,
    functionsInFlight: 2,
    queuedFragments: 1,
    costUsd: 0.0001 * n,
    dropped: { stale: 0, duplicate: 0, corrupt: 0, foreign: 0, envSteps: 0 },
    ...changes,
  }
}

export function summaryAt(n: number, changes: Partial<RunSummary> = {}): RunSummary {
  return {
    run: info.run,
    reason: 'meanReturn',
    progress: progressAt(n),
    curve: Array.from({ length: n }, (_, i) => [(i + 1) * 2560, 20 + 11.5 * (i + 1)] as const),
    costByPart: { functions: 0.0021, queue: 0.0016, bucket: 0.0003, learner: 0 },
    ...changes,
  }
}
