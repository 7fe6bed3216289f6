import type { NodeSpec, PlanNode, QueueSlot } from './node.ts'
import { END, Gate, Puller, SKIP } from './puller.ts'
import type { Env, Pulled, RunState } from './puller.ts'
import type { WhenFull } from './types.ts'

/** Puts an item into a bounded list; false when it is full and the writer has to wait. */
export function offer(
  list: { readonly items: unknown[]; readonly capacity: number; readonly whenFull: WhenFull },
  item: unknown,
  dropped: () => void,
): boolean {
  if (list.items.length < list.capacity) {
    list.items.push(item)
    return true
  }
  if (list.whenFull === 'block') return false
  if (list.whenFull === 'dropOldest') {
    list.items.shift()
    list.items.push(item)
  }
  dropped()
  return true
}

/** Counts a dropped item, where a person and a program look for it. */
export function countDrop(run: RunState, node: PlanNode, queue: string): void {
  run.metrics.counter(`queue.${queue}.dropped`).add(1)
  run.emit({ kind: 'dropped', node: node.path, queue })
}

/** What the ends of a queue share during a run. */
class Ends {
  readonly changed = new Gate()
  writers = 0
  readers = 0

  leave(side: 'writers' | 'readers'): void {
    this[side]--
    this.changed.open()
  }
}

const endsOf = (env: Env, queue: QueueSlot) => env.shared(queue, () => new Ends())

class Enqueue extends Puller {
  private readonly queue: QueueSlot
  private readonly ends: Ends
  private readonly drop: () => void

  constructor(node: PlanNode, env: Env, queue: QueueSlot) {
    super(node, env, [env.pull(node.inputs[0]!)])
    this.queue = queue
    this.ends = endsOf(env, queue)
    this.ends.writers++
    this.drop = () => countDrop(env.run, node, queue.name)
  }

  protected next(): Pulled {
    const pulled = this.inputs[0]!.pull()
    return pulled instanceof Promise ? pulled.then((item) => this.put(item)) : this.put(pulled)
  }

  protected override async onClose(): Promise<void> {
    this.ends.leave('writers')
  }

  protected override onAbort(): void {
    this.ends.changed.open()
  }

  private put(item: unknown): Pulled {
    if (item === END) return END
    if (this.ends.readers === 0) return this.keep(item, END)
    if (!offer(this.queue, item, this.drop)) return this.putWhenThereIsRoom(item)
    this.ends.changed.open()
    return item
  }

  private async putWhenThereIsRoom(item: unknown): Promise<Pulled> {
    const start = performance.now()
    do {
      if (this.aborted) throw this.keep(item, this.env.run.reason)
      this.env.stalled?.(this.ends.changed.stall('queue', `queue '${this.queue.name}' is full`))
      await this.ends.changed.wait()
    } while (this.ends.readers > 0 && this.queue.items.length >= this.queue.capacity && !this.aborted)
    this.waitedDownMs += performance.now() - start
    if (this.aborted) throw this.keep(item, this.env.run.reason)
    return this.put(item)
  }

  /** Past the capacity, so that a checkpoint has what can no longer be handed over. */
  private keep<V>(item: unknown, then: V): V {
    this.queue.items.push(item)
    return then
  }
}

class Dequeue extends Puller {
  private readonly queue: QueueSlot
  private readonly ends: Ends

  constructor(node: PlanNode, env: Env, queue: QueueSlot) {
    super(node, env)
    this.queue = queue
    this.ends = endsOf(env, queue)
    this.ends.readers++
  }

  protected next(): Pulled {
    const item = this.take()
    return item === SKIP ? this.takeWhenThereIsOne() : item
  }

  protected override async onClose(): Promise<void> {
    this.ends.leave('readers')
  }

  protected override onAbort(): void {
    this.ends.changed.open()
  }

  private take(): Pulled {
    if (this.aborted) throw this.env.run.reason
    if (this.queue.items.length === 0) return this.ends.writers === 0 ? END : SKIP
    const item = this.queue.items.shift()
    this.ends.changed.open()
    return item
  }

  private async takeWhenThereIsOne(): Promise<Pulled> {
    for (;;) {
      const { changed } = this.ends
      await this.wait(changed, changed.stall('queue', `queue '${this.queue.name}' is empty`))
      const item = this.take()
      if (item !== SKIP) return item
    }
  }

  protected override measure() {
    return { ...super.measure(), itemsIn: this.items }
  }
}

export const enqueueNode = (queue: QueueSlot): Omit<NodeSpec, 'inputs'> => ({
  operator: 'enqueue',
  params: { queue: queue.name },
  writes: queue,
  start: (node, env) => new Enqueue(node, env, queue),
})

export const dequeueNode = (queue: QueueSlot): NodeSpec => ({
  operator: 'dequeue',
  path: `dequeue(${queue.name})`,
  params: { queue: queue.name },
  reads: queue,
  start: (node, env) => new Dequeue(node, env, queue),
})
