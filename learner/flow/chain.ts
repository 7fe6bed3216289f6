import type { PlanNode, Step } from './node.ts'
import { END, Puller, SKIP } from './puller.ts'
import type { Env, Pulled } from './puller.ts'

/** Not ended: no step is being flushed. */
const OPEN = -1

/** Consecutive one-item-at-a-time nodes run as one loop: one pull, then every step in turn, with one reading of the clock a step. */
export class Chain extends Puller {
  private readonly source: Puller
  private readonly steps: readonly Step[]
  private readonly nodes: readonly PlanNode[]
  private readonly busyMs: Float64Array
  private readonly entered: Float64Array
  private readonly left: Float64Array
  /** Steps that may have several outputs, the furthest downstream first. */
  private readonly expanders: readonly number[]
  private readonly finishers: readonly number[]
  /** The step whose input has ended and which is asked for its last outputs; those before it are done. */
  private flushing = OPEN
  /** The step a pending promise belongs to; -1 for the source. */
  private at = -1
  private startedAt = 0

  constructor(nodes: readonly PlanNode[], steps: readonly Step[], { env, source }: { env: Env; source: Puller }) {
    super(nodes.at(-1)!, env, [source])
    this.nodes = nodes
    this.steps = steps
    this.source = source
    this.busyMs = new Float64Array(steps.length)
    this.entered = new Float64Array(steps.length)
    this.left = new Float64Array(steps.length)
    const indices = (has: (step: Step) => unknown) => steps.flatMap((step, i) => (has(step) ? [i] : []))
    this.expanders = indices((step) => step.more).reverse()
    this.finishers = indices((step) => step.finished)
    nodes.forEach((node, i) => (node.measure = () => this.measureStep(i)))
  }

  protected next(): Pulled {
    const value = this.spin()
    return value instanceof Promise ? this.resume(value) : value
  }

  protected override onAbort(): void {
    for (const step of this.steps) step.abort?.()
  }

  /** Runs until an output, END, or the promise that everything waits for. */
  private spin(): Pulled {
    for (;;) {
      for (const i of this.finishers) {
        if (i >= this.flushing && this.steps[i]!.finished!()) this.flushing = i + 1
      }
      let value = this.expand()
      if (value === SKIP) {
        if (this.flushing === this.steps.length) return END
        if (this.flushing === OPEN) {
          this.at = -1
          value = this.source.pull()
          if (value instanceof Promise) return value
          if (value === END) {
            this.flushing = 0
            continue
          }
        } else {
          this.at = this.flushing
          value = this.steps[this.at]!.flush?.() ?? SKIP
          if (value === SKIP) {
            this.flushing++
            continue
          }
          this.left[this.at]!++
        }
      }
      value = this.through(value, this.at + 1)
      if (value !== SKIP) return value
    }
  }

  private expand(): unknown {
    for (const i of this.expanders) {
      if (i < this.flushing) break
      const value = this.steps[i]!.more!()
      if (value === SKIP) continue
      this.at = i
      this.left[i]!++
      return value
    }
    return SKIP
  }

  private through(value: unknown, from: number): unknown {
    let before = performance.now()
    for (let i = from; i < this.steps.length; i++) {
      this.at = i
      this.entered[i]!++
      try {
        value = this.steps[i]!.push(value)
      } catch (error) {
        throw this.locate(error, this.nodes[i])
      }
      if (isThenable(value)) {
        this.startedAt = before
        return value instanceof Promise ? value : Promise.resolve(value)
      }
      const after = performance.now()
      this.busyMs[i]! += after - before
      before = after
      if (value === SKIP) return SKIP
      this.left[i]!++
    }
    return value
  }

  private async resume(pending: Promise<unknown>): Promise<unknown> {
    for (let promise = pending; ;) {
      const at = this.at
      let value: unknown
      try {
        value = await promise
      } catch (error) {
        throw at < 0 ? error : this.locate(error, this.nodes[at])
      }
      if (at >= 0) {
        this.busyMs[at]! += performance.now() - this.startedAt
        if (value !== SKIP) this.left[at]!++
      } else if (value === END) {
        this.flushing = 0
        value = SKIP
      }
      if (value !== SKIP) value = this.through(value, at + 1)
      if (value === SKIP) value = this.spin()
      if (!(value instanceof Promise)) return value
      promise = value
    }
  }

  private measureStep(i: number) {
    const busy = (from: number, to: number) => this.busyMs.subarray(from, to).reduce((sum, ms) => sum + ms, 0)
    return {
      itemsIn: this.entered[i]!,
      itemsOut: this.left[i]!,
      busyMs: this.busyMs[i]!,
      waitedUpstreamMs: this.source.pullMs + busy(0, i),
      waitedDownstreamMs: this.gapMs + busy(i + 1, this.steps.length),
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
