import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import { Reaper } from '../lambda/environmentReaper.ts'
import type { FaultAction, FaultRequest } from '../faults/faults.ts'
import type { AnyFront } from '../front.ts'
import { type Account, ec2, newAccount, serviceQuotas, sts } from './account.ts'
import { autoScaling, setCapacity } from './autoScaling.ts'
import { denial } from './denial.ts'
import { ecs, updateService } from './ecs.ts'
import { jsonFront } from './jsonFront.ts'
import { cloudWatchLogs } from './logs.ts'
import { LogStore } from './logStore.ts'
import { type GroupOptions, MachineGroup } from './machineGroup.ts'
import { Parameters, ssm } from './parameters.ts'
import { isQuery, queryFront } from './queryFront.ts'
import { isSchedulerPath, schedulerFront } from './schedulerFront.ts'
import { Schedules } from './schedules.ts'

export type { Account } from './account.ts'
export type { MachineCommand } from './machine.ts'
export type { GroupOptions } from './machineGroup.ts'

export interface ControlPlaneOptions {
  readonly clock: Clock
  /** Sets a function's reserved concurrency. @throws AwsError */
  readonly reserve: (functionName: string, concurrency: number) => void
}

/** How long machines have between SIGTERM and SIGKILL when the emulation closes. */
const CLOSE_GRACE_MS = 5000

/** The control plane of the emulated cloud: what a stage is found, woken, watched and stopped by. */
export class ControlPlane {
  readonly parameters: Parameters
  readonly logs: LogStore
  readonly schedules: Schedules
  readonly account: Account = newAccount()
  readonly #clock: Clock
  readonly #reaper = new Reaper()
  readonly #autoScaling = new Map<string, MachineGroup>()
  readonly #services = new Map<string, MachineGroup>()
  readonly #byTarget: ReadonlyMap<string, AnyFront>
  readonly #query: AnyFront
  readonly #scheduler: AnyFront

  constructor({ clock, reserve }: ControlPlaneOptions) {
    this.#clock = clock
    this.parameters = new Parameters(clock)
    this.logs = new LogStore(clock)
    this.schedules = new Schedules(clock, (call, input) => {
      const text = (name: string) => (typeof input[name] === 'string' ? input[name] : '')
      const number = (name: string) => Number(input[name] ?? NaN)
      if (call === 'lambda:putFunctionConcurrency')
        return reserve(text('FunctionName'), number('ReservedConcurrentExecutions'))
      if (call === 'autoscaling:setDesiredCapacity')
        return setCapacity(this.#autoScaling, text('AutoScalingGroupName'), number('DesiredCapacity'))
      if (call !== 'ecs:updateService')
        throw new AwsError(400, 'ValidationException', `the emulated Scheduler has no target ${call}`)
      const update = { cluster: text('Cluster'), service: text('Service'), desiredCount: number('DesiredCount') }
      updateService(this.#services, update)
    })
    const json = [ssm(this.parameters), ecs(this.#services), cloudWatchLogs(this.logs), serviceQuotas(this.account)]
    this.#byTarget = new Map(json.map((service) => [service.target, jsonFront(service)]))
    this.#query = queryFront([autoScaling(this.#autoScaling), sts, ec2(this.account)])
    this.#scheduler = schedulerFront(this.schedules)
  }

  /** Makes an auto-scaling group of no machines. */
  createAutoScalingGroup(options: GroupOptions): MachineGroup {
    return this.#createGroup(this.#autoScaling, options.name, options)
  }

  /** Makes a service of no tasks; `name` is `cluster/service`. */
  createService(options: GroupOptions): MachineGroup {
    return this.#createGroup(this.#services, options.name, options)
  }

  /** Which of its services a request is for, if any. */
  front(request: IncomingMessage): AnyFront | undefined {
    const target = request.headers['x-amz-target']
    if (typeof target === 'string') return this.#byTarget.get(target.slice(0, target.indexOf('.')))
    if (isQuery(request)) return this.#query
    return isSchedulerPath(request.url ?? '') ? this.#scheduler : undefined
  }

  /** The refusal of a request, to any service, whose right the account lacks. */
  refusal(request: FaultRequest): FaultAction | undefined {
    return denial(this.account.denied, request)
  }

  /** Ends machines and schedules; resolves when no process is left. */
  async close(): Promise<void> {
    this.schedules.close()
    const groups = [...this.#autoScaling.values(), ...this.#services.values()]
    await Promise.all(groups.map((group) => group.close(CLOSE_GRACE_MS)))
    this.#reaper.close()
  }

  #createGroup(groups: Map<string, MachineGroup>, key: string, options: GroupOptions): MachineGroup {
    this.logs.create(options.logGroup)
    const group = new MachineGroup(options, { clock: this.#clock, reaper: this.#reaper, logs: this.logs })
    groups.set(key, group)
    return group
  }
}
