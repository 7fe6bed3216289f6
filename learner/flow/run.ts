import { MillraceError } from '../../shared/errors.ts'
import { Chain } from './chain.ts'
import type { Metrics } from './metrics.ts'
import type { PlanNode } from './node.ts'
import { END } from './puller.ts'
import type { Env, Pulled, Puller, RunState, Stall } from './puller.ts'
import type { Context, ResourceKey, RunOptions } from './types.ts'

interface Start {
  readonly root: PlanNode
  /** The nodes that run, upstream first. */
  readonly nodes: readonly PlanNode[]
  readonly metrics: Metrics
  readonly options: RunOptions
}

const DONE = { done: true, value: undefined } as const

/**
 * One run of a plan: an iterator that pulls its last node. Its end, an error, `return()` and an abort all close through the
 * same place: everything is aborted, then everything is waited for.
 */
export class Run<T = unknown> implements AsyncIterableIterator<T>, AsyncDisposable {
  private readonly start: Start
  private readonly state: RunState
  private readonly resources: ReadonlyMap<string, unknown>
  private root: Puller | undefined
  private pending: Promise<unknown> | undefined
  private closing: Promise<void> | undefined
  private readonly onAbort = () => this.root?.abort()

  constructor(start: Start) {
    this.start = start
    const { metrics, options, nodes } = start
    this.resources = new Map(options.resources?.map(({ key, value }) => [key, value]))
    const reason = new MillraceError('E_PLAN_ABORTED', 'this part of the plan was closed')
    this.state = {
      metrics,
      reason,
      closeErrors: [],
      located: new WeakSet(),
      emit: (event) => options.onEvent?.(event),
      context: (node, env) => this.context(node, env),
    }
    checkResources(nodes, this.resources)
    checkShape(start.root, nodes)
  }

  /** True when nothing of it runs, or ever will. */
  get closed(): boolean {
    return this.finished
  }

  private finished = false

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.pending !== undefined) return this.pending.then(() => this.next())
    if (this.closing !== undefined) return this.closing.then(() => DONE)
    const { signal } = this.start.options
    if (signal?.aborted === true) return this.finish()
    let pulled: Pulled
    try {
      this.root ??= this.open()
      pulled = this.root.pull()
    } catch (error) {
      return this.finish({ error })
    }
    if (!(pulled instanceof Promise)) return Promise.resolve(result(pulled))
    const next = pulled.then(
      (item) => {
        this.pending = undefined
        return item === END ? this.finish() : result(item)
      },
      (error: unknown) => {
        this.pending = undefined
        return this.finish({ error })
      },
    ) as Promise<IteratorResult<T, undefined>>
    this.pending = next.catch(() => undefined)
    return next
  }

  /** Closes everything and waits for it. The items being worked on are kept for `plan.save()`, as far as a node can hold them. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.root?.abort()
    await this.pending
    return await this.finish()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private open(): Puller {
    this.start.options.signal?.addEventListener('abort', this.onAbort, { once: true })
    return this.env(new Map()).pull(this.start.root)
  }

  private env(shared: Map<object, unknown>, stalled?: (stall: Stall) => void): Env {
    const env: Env = {
      run: this.state,
      stalled,
      shared<V>(key: object, make: () => V): V {
        if (!shared.has(key)) shared.set(key, make())
        return shared.get(key) as V
      },
      pull: (node, heard = stalled) => {
        const inner = heard === stalled ? env : this.env(shared, heard)
        if (node.spec.start !== undefined) return node.spec.start(node, inner)
        const steps: PlanNode[] = []
        let head = node
        for (; head.spec.step !== undefined; head = head.inputs[0]!) steps.unshift(head)
        const made = steps.map((step) => step.spec.step!(step, inner))
        return new Chain(steps, made, { env: inner, source: inner.pull(head) })
      },
    }
    return env
  }

  private async finish(failure?: { readonly error: unknown }): Promise<IteratorResult<T, undefined>> {
    this.closing ??= this.close()
    await this.closing
    const errors = this.state.closeErrors.splice(0)
    const stopped = failure === undefined || failure.error === this.state.reason
    if (stopped && errors.length === 0) return DONE
    const error = stopped ? undefined : (failure.error as MillraceError)
    if (errors.length === 0) throw error
    const cause = new AggregateError(error === undefined ? errors : [error.cause, ...errors], 'while closing')
    const first = errors[0] as MillraceError
    if (error !== undefined) throw new MillraceError(error.code, error.message, error.where, { cause })
    throw new MillraceError('E_OPERATOR', `closing failed: ${first.message}`, first.where, { cause })
  }

  private async close(): Promise<void> {
    await this.root?.close()
    this.start.options.signal?.removeEventListener('abort', this.onAbort)
    this.finished = true
  }

  private context(node: PlanNode, env: Env): Context & { abort(): void } {
    const { resources, state } = this
    let controller: AbortController | undefined
    let aborted = false
    const waits = new Set<(reason: unknown) => void>()
    return {
      metrics: state.metrics,
      node: node.path,
      get signal() {
        if (controller === undefined) {
          controller = new AbortController()
          if (aborted) controller.abort(state.reason)
        }
        return controller.signal
      },
      use<R>(key: ResourceKey<R>): R {
        if (node.uses.some((used) => used.name === key.name)) return resources.get(key.name) as R
        throw new MillraceError('E_PLAN_RESOURCE', `${node.operator} does not say that it uses '${key.name}'`)
      },
      wait<V>(promise: Promise<V>): Promise<V> {
        let live = true
        env.stalled?.({ kind: 'declared', reason: `${node.path} waits`, live: () => live })
        return new Promise<V>((resolve, reject) => {
          if (aborted) reject(state.reason)
          waits.add(reject)
          promise.then(resolve, reject).finally(() => {
            live = false
            waits.delete(reject)
          })
        })
      },
      abort() {
        aborted = true
        controller?.abort(state.reason)
        for (const reject of waits) reject(state.reason)
      },
    }
  }
}

const result = (item: unknown) => ({ done: false, value: item }) as IteratorResult<never, undefined>

function checkResources(nodes: readonly PlanNode[], resources: ReadonlyMap<string, unknown>): void {
  for (const node of nodes) {
    const missing = node.uses.find((key) => !resources.has(key.name))
    if (missing === undefined) continue
    const where = { operator: node.operator, path: node.path, resource: missing.name }
    throw new MillraceError(
      'E_PLAN_RESOURCE',
      `${node.operator} needs '${missing.name}', which was not provided`,
      where,
    )
  }
}

/** What would wait for ever: a queue with one end, and an output of a duplicate that nobody takes from. */
function checkShape(root: PlanNode, nodes: readonly PlanNode[]): void {
  const refuse = (node: PlanNode, what: string): never => {
    throw new MillraceError('E_PLAN_SHAPE', `${node.path}: ${what}`, { operator: node.operator, path: node.path })
  }
  for (const node of nodes) {
    const { writes, reads, outputs = 1 } = node.spec
    if (writes !== undefined && !nodes.some((other) => other.spec.reads === writes)) {
      refuse(node, `nothing that runs takes from queue '${writes.name}'`)
    }
    if (reads !== undefined && !nodes.some((other) => other.spec.writes === reads)) {
      refuse(node, `nothing that runs puts into queue '${reads.name}'`)
    }
    const used = nodes.filter((other) => other.inputs.includes(node)).length
    if (node !== root && used < outputs) refuse(node, `only ${used} of its ${outputs} outputs are used; each must be`)
  }
}
