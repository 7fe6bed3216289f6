import { MillraceError } from '../../shared/errors.ts'
import type { NodeSpec, PlanNode } from './node.ts'
import { END, Gate, Puller, SKIP } from './puller.ts'
import type { Env, Pulled, Stall } from './puller.ts'

export interface BranchOptions {
  readonly mode: 'roundRobin' | 'async'
  readonly weights: readonly (number | '*')[]
  readonly output: readonly number[]
  readonly seed: number
}

/** What '*' takes at most in one turn, so that a branch that always has an item leaves the others theirs. */
const STAR_LIMIT = 100

interface Branch {
  readonly index: number
  readonly puller: Puller
  readonly output: boolean
  status: 'idle' | 'pending' | 'held' | 'ended'
  item: unknown
  stall: Stall | undefined
}

interface State {
  /** Items that branches have delivered and that are not yet taken, in the order they came. */
  held: { branch: number; item: unknown }[]
  turn: number
  /** Items left of this turn; -1 before the first. */
  left: number
  random: number
}

/** Several branches driven by their promises: no polling, no timers. One pull a branch is outstanding, or one item held. */
abstract class Concurrently extends Puller {
  protected readonly options: BranchOptions
  protected readonly branches: readonly Branch[]
  protected readonly state: State
  protected readonly changed: Gate
  private error: { readonly cause: unknown } | undefined
  private pending = 0

  constructor(node: PlanNode, env: Env, options: BranchOptions) {
    const changed = new Gate()
    const branches = node.inputs.map((input, index) => {
      const puller = env.pull(input, (stall) => {
        branch.stall = stall
        changed.open()
      })
      const output = options.output.includes(index)
      const branch: Branch = { index, puller, output, status: 'idle', item: undefined, stall: undefined }
      return branch
    })
    super(
      node,
      env,
      branches.map((branch) => branch.puller),
    )
    this.changed = changed
    this.branches = branches
    this.options = options
    this.state = node.state as State
    for (const { branch, item } of this.state.held) Object.assign(branches[branch]!, { status: 'held', item })
  }

  protected next(): Pulled {
    const item = this.advance()
    return item === SKIP ? this.later() : item
  }

  /** An item, END, or SKIP when it has to wait for a change. */
  protected abstract advance(): Pulled

  protected settled(branch: Branch, pulled: Pulled): void {
    branch.stall = undefined
    branch.status = pulled === END ? 'ended' : 'held'
    branch.item = pulled
    if (branch.status === 'held') this.state.held.push({ branch: branch.index, item: pulled })
  }

  protected start(branch: Branch): void {
    branch.stall = undefined
    branch.status = 'pending'
    const pulled = branch.puller.pull()
    if (pulled instanceof Promise) this.follow(branch, pulled)
    else this.settled(branch, pulled)
  }

  protected follow(branch: Branch, promise: Promise<unknown>): void {
    this.pending++
    void promise
      .then((pulled) => this.settled(branch, pulled))
      .catch((cause: unknown) => this.fail(branch, cause))
      .finally(() => {
        this.pending--
        this.changed.open()
      })
  }

  protected release(branch: Branch): unknown {
    const { item } = branch
    const at = this.state.held.findIndex((held) => held.branch === branch.index)
    this.state.held.splice(at, 1)
    branch.status = 'idle'
    branch.item = undefined
    return item
  }

  protected check(): void {
    if (this.error !== undefined) throw this.error.cause
    if (this.aborted) throw this.env.run.reason
  }

  protected get finished(): boolean {
    return this.branches.every((branch) => !branch.output || branch.status === 'ended')
  }

  protected override onAbort(): void {
    this.changed.open()
  }

  protected override async onClose(): Promise<void> {
    while (this.pending > 0) await this.changed.wait()
  }

  private async later(): Promise<Pulled> {
    for (;;) {
      await this.wait(this.changed, this.stuck())
      const item = this.advance()
      if (item !== SKIP) return item
    }
  }

  /** When every branch waits, so does this node; and if each waits for another one of this plan, nobody will ever come. */
  private stuck(): Stall | undefined {
    const live = this.branches.filter((branch) => branch.status !== 'ended')
    if (!live.every((branch) => branch.status === 'pending' && branch.stall?.live() === true)) return undefined
    const reason = live.map((branch) => `branch ${branch.index}: ${branch.stall!.reason}`).join('; ')
    const kinds = live.map((branch) => branch.stall!.kind)
    const kind = kinds.includes('source') ? 'source' : kinds.includes('declared') ? 'declared' : 'queue'
    if (kind === 'queue' && this.env.stalled === undefined) {
      throw new MillraceError('E_PLAN_DEADLOCK', `every branch waits for another one (${reason})`)
    }
    return this.changed.stall(kind, reason)
  }

  private fail(branch: Branch, cause: unknown): void {
    branch.status = 'ended'
    branch.stall = undefined
    if (this.error === undefined && !this.aborted) this.error = { cause }
    else if (cause !== this.env.run.reason && cause !== this.error?.cause) this.env.run.closeErrors.push(cause)
  }
}

/** Every branch works all the time: an output branch until it holds an item, the others without end. */
class Async extends Concurrently {
  protected advance(): Pulled {
    this.check()
    for (const branch of this.branches) if (branch.status === 'idle') this.start(branch)
    const first = this.state.held[0]
    if (first !== undefined) return this.release(this.branches[first.branch]!)
    return this.finished ? END : SKIP
  }

  protected override settled(branch: Branch, pulled: Pulled): void {
    if (branch.output || pulled === END) return super.settled(branch, pulled)
    branch.stall = undefined
    // In a microtask of its own, so that a branch that always has an item lets the others have their turn.
    if (!this.aborted)
      this.follow(
        branch,
        Promise.resolve().then(() => branch.puller.pull()),
      )
  }
}

/** Branches in turn, each as many items as its weight; one that waits for another branch is passed over. */
class RoundRobin extends Concurrently {
  protected advance(): Pulled {
    const { state } = this
    if (state.left < 0) state.left = this.quota()
    for (;;) {
      this.check()
      if (this.finished) return END
      const branch = this.branches[state.turn]!
      if (state.left === 0 || branch.status === 'ended') {
        this.nextTurn()
        continue
      }
      if (branch.status === 'idle') this.start(branch)
      if (branch.status === 'held') {
        state.left--
        const item = this.release(branch)
        if (branch.output) return item
      } else if (branch.status === 'pending') {
        if (!this.passable(branch) || this.branches.every((b) => b.status === 'ended' || this.passable(b))) return SKIP
        this.nextTurn()
      }
    }
  }

  private passable(branch: Branch): boolean {
    if (branch.status !== 'pending' || branch.stall?.live() !== true) return false
    return branch.stall.kind !== 'source' || this.options.weights[branch.index] === '*'
  }

  private nextTurn(): void {
    this.state.turn = (this.state.turn + 1) % this.branches.length
    this.state.left = this.quota()
  }

  private quota(): number {
    const weight = this.options.weights[this.state.turn]!
    if (weight === '*') return STAR_LIMIT
    const whole = Math.floor(weight)
    return weight === whole ? whole : whole + (this.uniform() < weight - whole ? 1 : 0)
  }

  /** mulberry32 (Tommy Ettinger): one word of state, which goes into the checkpoint. */
  private uniform(): number {
    this.state.random = (this.state.random + 0x6d2b79f5) | 0
    let t = this.state.random
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const concurrentlyNode = (options: BranchOptions): Pick<NodeSpec, 'definition' | 'start'> => ({
  definition: { state: (): State => ({ held: [], turn: 0, left: -1, random: options.seed | 0 }) },
  start: (node, env) => (options.mode === 'async' ? new Async(node, env, options) : new RoundRobin(node, env, options)),
})
