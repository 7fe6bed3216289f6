import type { NodeSpec, PlanNode } from './node.ts'
import { END, Gate, Puller, SKIP } from './puller.ts'
import type { Env, Pulled } from './puller.ts'
import type { Context, OpenSource, ShardedSource, SourceEvent, Sourced, Stage } from './types.ts'

export interface GatherPlan {
  readonly open: (ctx: Context) => ShardedSource<unknown>
  readonly stages: readonly Stage[]
  readonly inFlight: number
  readonly reissue: 'before' | 'after'
  /** A round as one array. */
  readonly rounds: boolean
  /** What of an answer goes downstream; a pair as it is for `zipWithSource`. */
  emit: (sourced: Sourced<unknown>) => unknown
}

/** What both ways of gathering share: requests, answers, losses, and closing. Answers not yet delivered are its state. */
abstract class Gather extends Puller {
  protected readonly plan: GatherPlan
  protected readonly state: { ready: Sourced<unknown>[] }
  protected readonly answered = new Gate()
  protected readonly done = new Set<string>()
  protected outstanding = 0
  private readonly ctx: Context & { abort(): void }
  private source: ShardedSource<unknown> | undefined
  private opened: OpenSource<unknown> | undefined
  private error: { readonly cause: unknown } | undefined

  constructor(node: PlanNode, env: Env, plan: GatherPlan) {
    super(node, env)
    this.plan = plan
    this.state = node.state as { ready: Sourced<unknown>[] }
    this.ctx = env.run.context(node, env)
  }

  /** The shards to ask, in order. */
  protected live(): string[] {
    this.source ??= this.plan.open(this.ctx)
    return this.source.shards.filter((shard) => !this.done.has(shard))
  }

  protected ask(shard: string, mode: 'sync' | 'async'): void {
    const { stages, inFlight } = this.plan
    this.opened ??= this.source!.open({ mode, inFlight, stages, signal: this.ctx.signal })
    this.outstanding++
    void this.opened.request(shard).then(
      (event) => this.settle(shard, event),
      (error: unknown) => this.settle(shard, undefined, error),
    )
  }

  protected waitForAnswer(): Promise<void> {
    return this.wait(this.answered, this.answered.stall('source', `${this.node.path} waits for its shards`))
  }

  protected check(): void {
    if (this.error !== undefined) throw this.error.cause
    if (this.aborted) throw this.env.run.reason
  }

  protected abstract onEvent(shard: string, event: SourceEvent<unknown>): void

  protected override onAbort(): void {
    this.ctx.abort()
    this.answered.open()
  }

  protected override async onClose(): Promise<void> {
    try {
      await this.opened?.close()
    } finally {
      while (this.outstanding > 0) await this.answered.wait()
    }
  }

  private settle(shard: string, event: SourceEvent<unknown> | undefined, error?: unknown): void {
    this.outstanding--
    if (event === undefined) {
      if (this.aborted && this.locate(error) !== this.env.run.reason) this.env.run.closeErrors.push(this.locate(error))
      this.error ??= { cause: error }
    } else {
      if (event.kind === 'done') this.done.add(shard)
      if (event.kind === 'lost') this.env.run.metrics.counter('shard.lost').add(1)
      if (event.kind !== 'item') this.env.run.emit({ node: this.node.path, shard, ...event })
      this.onEvent(shard, event)
    }
    this.answered.open()
  }

  protected override measure() {
    return { ...super.measure(), itemsIn: this.items, busyMs: 0, waitedUpstreamMs: this.pullMs }
  }
}

/** A round: one request to every live shard, and nothing more until all of its answers went downstream. */
class GatherSync extends Gather {
  private readonly answers = new Map<string, Sourced<unknown>>()

  protected next(): Pulled {
    this.check()
    const item = this.deliver()
    return item === SKIP ? this.nextRound() : item
  }

  protected onEvent(shard: string, event: SourceEvent<unknown>): void {
    if (event.kind === 'item') this.answers.set(shard, { item: event.item, shard })
  }

  protected override async onClose(): Promise<void> {
    await super.onClose().finally(() => this.endRound([...this.answers.keys()]))
  }

  private deliver(): Pulled {
    const { ready } = this.state
    if (ready.length === 0) return SKIP
    return this.plan.rounds ? ready.splice(0).map(this.plan.emit) : this.plan.emit(ready.shift()!)
  }

  private async nextRound(): Promise<Pulled> {
    for (;;) {
      const shards = this.live()
      if (shards.length === 0) return END
      for (const shard of shards) this.ask(shard, 'sync')
      while (this.outstanding > 0) {
        await this.waitForAnswer()
        this.check()
      }
      this.endRound(shards)
      const item = this.deliver()
      if (item !== SKIP) return item
    }
  }

  /** In the order of the shards, whatever the order of arrival. */
  private endRound(shards: readonly string[]): void {
    for (const shard of shards) {
      const answer = this.answers.get(shard)
      if (answer !== undefined) this.state.ready.push(answer)
    }
    this.answers.clear()
  }
}

/** Items as they complete; a shard's requests and undelivered answers together are at most `inFlight`. */
class GatherAsync extends Gather {
  private readonly held = new Map<string, number>()
  private pulling = false

  constructor(node: PlanNode, env: Env, plan: GatherPlan) {
    super(node, env, plan)
    for (const { shard } of this.state.ready) this.count(shard, 1)
  }

  protected next(): Pulled {
    this.check()
    this.topUp()
    const item = this.deliver()
    return item === SKIP ? this.nextAnswer() : item
  }

  protected onEvent(shard: string, event: SourceEvent<unknown>): void {
    if (event.kind === 'item') this.state.ready.push({ item: event.item, shard })
    else this.count(shard, -1)
    // With 'after' a lost request is made up for only while downstream waits: what it is doing must be seen by the next one.
    if (event.kind !== 'item' && !this.aborted && (this.pulling || this.plan.reissue === 'before')) this.topUp()
  }

  private deliver(): Pulled {
    const sourced = this.state.ready.shift()
    if (sourced === undefined) return SKIP
    this.count(sourced.shard, -1)
    if (this.plan.reissue === 'before') this.topUp()
    return this.plan.emit(sourced)
  }

  private async nextAnswer(): Promise<Pulled> {
    this.pulling = true
    try {
      for (;;) {
        if (this.outstanding === 0) return END
        await this.waitForAnswer()
        this.check()
        const item = this.deliver()
        if (item !== SKIP) return item
        this.topUp()
      }
    } finally {
      this.pulling = false
    }
  }

  private topUp(): void {
    for (const shard of this.live()) {
      for (let held = this.held.get(shard) ?? 0; held < this.plan.inFlight; held++) {
        this.count(shard, 1)
        this.ask(shard, 'async')
      }
    }
  }

  private count(shard: string, by: number): void {
    this.held.set(shard, (this.held.get(shard) ?? 0) + by)
  }
}

export const gatherNode = (mode: 'sync' | 'async', plan: GatherPlan): Pick<NodeSpec, 'definition' | 'start'> => ({
  definition: { state: () => ({ ready: [] }) },
  start: (node, env) => (mode === 'sync' ? new GatherSync(node, env, plan) : new GatherAsync(node, env, plan)),
})
