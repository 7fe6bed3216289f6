import type { Clock } from '../../../shared/cloud/ports.ts'
import type { Reaper } from '../lambda/environmentReaper.ts'
import { after } from '../timer.ts'
import { Machine, type MachineCommand } from './machine.ts'

export interface GroupOptions {
  readonly name: string
  /** What one of its machines runs. */
  readonly command: MachineCommand
  /** The most machines that may be asked for; 1 unless told. */
  readonly max?: number
  /** Where the machines' output goes. */
  readonly logGroup: string
}

interface Surroundings {
  readonly clock: Clock
  readonly reaper: Reaper
  readonly logs: { write(group: string, stream: string, text: string): void; end(group: string, stream: string): void }
}

/** Between SIGTERM and the end of the machine; a spot instance has two minutes in all. */
const TERMINATE_MS = 30_000
/** A machine whose process ends at once must not be replaced in a busy loop. */
const RESTART_MS = 1000

/** An auto-scaling group, or a service: keeps as many machines running as are desired, and replaces those that end. */
export class MachineGroup {
  readonly name: string
  readonly max: number
  readonly createdMs: number
  desired = 0
  readonly #options: GroupOptions
  readonly #around: Surroundings
  readonly #machines = new Set<Machine>()
  readonly #timers = new Set<() => void>()
  #startedMs = -Infinity
  #waiting = false
  #closed = false

  constructor(options: GroupOptions, around: Surroundings) {
    this.name = options.name
    this.max = options.max ?? 1
    this.#options = options
    this.#around = around
    this.createdMs = around.clock.now()
  }

  /** Those on their way out included. */
  get machines(): readonly Machine[] {
    return [...this.#machines]
  }

  get running(): number {
    return this.machines.filter(({ state }) => state === 'InService').length
  }

  /** @param desired 0 to `max`, which the caller has checked */
  set(desired: number): void {
    this.desired = desired
    this.#settle()
  }

  /** Takes one machine away, as a spot reclaim does; it is replaced while it is desired. @returns false when there is none of this id */
  terminate(id: string): boolean {
    const machine = this.machines.find((one) => one.id === id)
    if (machine === undefined) return false
    this.#terminate(machine)
    this.#settle()
    return true
  }

  /** Ends all machines, SIGKILL after `graceMs`; resolves when none is left. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true
    for (const cancel of this.#timers) cancel()
    for (const machine of this.#machines) machine.signal('SIGTERM')
    const impatient = setTimeout(() => {
      for (const machine of this.#machines) machine.signal('SIGKILL')
    }, graceMs)
    await Promise.all(this.machines.map(({ gone }) => gone))
    clearTimeout(impatient)
  }

  /** Makes the number of machines the desired one. */
  #settle(): void {
    if (this.#closed) return
    const staying = this.machines.filter(({ state }) => state !== 'Terminating' && state !== 'Terminated')
    for (const machine of staying.slice(this.desired)) this.#terminate(machine)
    if (staying.length >= this.desired || this.#waiting) return
    const waitMs = this.#startedMs + RESTART_MS - this.#around.clock.now()
    if (waitMs <= 0) {
      this.#start()
      return this.#settle()
    }
    this.#waiting = true
    this.#later(waitMs, () => {
      this.#waiting = false
      this.#settle()
    })
  }

  #start(): void {
    const { clock, logs, reaper } = this.#around
    const { command, logGroup } = this.#options
    this.#startedMs = clock.now()
    const machine = new Machine({ command, reaper, onOutput: (text) => logs.write(logGroup, machine.id, text) })
    this.#machines.add(machine)
    void machine.gone.then((how) => {
      logs.end(logGroup, machine.id)
      logs.write(logGroup, machine.id, `the machine ${machine.id} of ${this.name} has ended: ${how}\n`)
      this.#machines.delete(machine)
      this.#settle()
    })
  }

  #terminate(machine: Machine): void {
    if (machine.state === 'Terminating' || machine.state === 'Terminated') return
    machine.signal('SIGTERM')
    machine.state = 'Terminating'
    const cancel = this.#later(TERMINATE_MS, () => machine.signal('SIGKILL'))
    void machine.gone.then(cancel)
  }

  #later(ms: number, action: () => void): () => void {
    const stop = after(this.#around.clock, ms, () => {
      this.#timers.delete(cancel)
      action()
    })
    const cancel = () => {
      this.#timers.delete(cancel)
      stop()
    }
    this.#timers.add(cancel)
    return cancel
  }
}
