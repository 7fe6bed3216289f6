import { Environment, type RuntimeOptions } from './environment.ts'
import { MemoryWatch } from './environmentMemory.ts'
import { Reaper } from './environmentReaper.ts'
import type { LambdaFunction } from './function.ts'
import type { Clock } from '../../../shared/cloud/ports.ts'

export interface PoolOptions extends RuntimeOptions {
  /** The most processes at once, working and idle. */
  readonly maxProcesses: number
  /** An idle environment ends after this long. */
  readonly idleMs: number
  readonly clock: Clock
  /** Aborted when the emulation closes. */
  readonly closing: AbortSignal
}

/** Between SIGTERM and SIGKILL for an environment that is no longer needed. */
const END_GRACE_MS = 300

interface Idle {
  readonly environment: Environment
  readonly since: number
}

/** All execution environments: warm ones wait here, the most recently used first; the rest works. */
export class EnvironmentPool {
  readonly #options: PoolOptions
  /** In the order in which they became idle. */
  #idle: Idle[] = []
  readonly #live = new Set<Environment>()
  /** Processes that are promised to an invocation but not started yet. */
  #starting = 0
  readonly #memory = new MemoryWatch()
  readonly #reaper = new Reaper()
  #sweeping = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** The most processes at once. */
  get most(): number {
    return this.#options.maxProcesses
  }

  get size(): number {
    return this.#live.size + this.#starting
  }

  /** A warm environment of this function, if one is idle. */
  takeWarm(fn: LambdaFunction): Environment | undefined {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const environment = this.#idle[i]?.environment
      if (environment?.fn !== fn) continue
      this.#idle.splice(i, 1)
      return environment
    }
    return undefined
  }

  /** True when an invocation of this function would find a process or room for one; ends another function's idle one if it must. */
  hasRoom(fn: LambdaFunction): boolean {
    if (this.size < this.#options.maxProcesses || this.#idle.some((idle) => idle.environment.fn === fn)) return true
    const victim = this.#idle.shift()
    if (victim === undefined) return false
    this.#live.delete(victim.environment)
    victim.environment.end(END_GRACE_MS)
    return true
  }

  async start(fn: LambdaFunction): Promise<Environment> {
    this.#starting++
    try {
      const shared = { memory: this.#memory, reaper: this.#reaper }
      const environment = await Environment.start({ ...this.#options, fn, ...shared })
      this.#live.add(environment)
      void environment.gone.then(() => this.#drop(environment))
      if (this.#options.closing.aborted) environment.kill()
      return environment
    } finally {
      this.#starting--
    }
  }

  /** Takes an environment back after an invocation; one that died is forgotten. */
  release(environment: Environment): void {
    if (!environment.alive || !this.#live.has(environment)) return
    if (this.#options.closing.aborted) return environment.kill()
    this.#idle.push({ environment, since: this.#options.clock.now() })
    if (!this.#sweeping) void this.#sweep()
  }

  /** SIGTERM to all, SIGKILL to what is left after `graceMs`; resolves when no process is left. */
  async close(graceMs: number): Promise<void> {
    const all = [...this.#live]
    for (const environment of all) environment.kill(undefined, 'SIGTERM')
    const impatient = setTimeout(() => {
      for (const environment of all) environment.kill()
    }, graceMs)
    await Promise.all(all.map((environment) => environment.gone))
    clearTimeout(impatient)
    this.#reaper.close()
  }

  #drop(environment: Environment): void {
    this.#live.delete(environment)
    this.#idle = this.#idle.filter((idle) => idle.environment !== environment)
  }

  /** Ends idle environments as their time comes; runs only while something is idle. */
  async #sweep(): Promise<void> {
    const { clock, idleMs } = this.#options
    this.#sweeping = true
    for (let oldest = this.#idle[0]; oldest !== undefined; oldest = this.#idle[0]) {
      const waitMs = oldest.since + idleMs - clock.now()
      if (waitMs > 0) await clock.sleep(waitMs, this.#options.closing)
      if (this.#options.closing.aborted) return
      if (this.#idle[0] !== oldest || waitMs > 0) continue
      this.#idle.shift()
      oldest.environment.end(END_GRACE_MS)
    }
    this.#sweeping = false
  }
}
