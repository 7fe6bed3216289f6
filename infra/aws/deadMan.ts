import type { LearnerHost } from '../../shared/protocol/stage.ts'
import type { StageNames } from './names.ts'

/** One call that a schedule makes when nobody has pushed it on. */
export interface Strike {
  readonly ends: 'functions' | 'learner'
  /** The schedule's. */
  readonly name: string
  /** `service:action` of AWS's SDK. */
  readonly call: string
  readonly input: Readonly<Record<string, string | number | boolean>>
}

/** Schedules have to have a time even when they are off. */
export const NEVER = 'at(2099-01-01T00:00:00)'

/** What sets a stage's functions and learner to none; a machine of the user's own is nobody's to end. */
export function deadManStrikes(names: StageNames, host: LearnerHost): readonly Strike[] {
  const functions: Strike = {
    ends: 'functions',
    name: names.schedules.functions,
    call: 'lambda:putFunctionConcurrency',
    input: { FunctionName: names.rolloutFunction, ReservedConcurrentExecutions: 0 },
  }
  const learner = { ends: 'learner', name: names.schedules.learner } as const
  if (host.kind === 'anywhere') return [functions]
  if (host.kind === 'fargate') {
    const input = { Cluster: host.cluster, Service: host.service, DesiredCount: 0 }
    return [functions, { ...learner, call: 'ecs:updateService', input }]
  }
  const input = { AutoScalingGroupName: host.autoScalingGroup, DesiredCapacity: 0, HonorCooldown: false }
  return [functions, { ...learner, call: 'autoscaling:setDesiredCapacity', input }]
}
