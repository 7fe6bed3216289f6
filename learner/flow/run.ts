import { MillraceError } from '../../shared/errors.ts'
import type { Metrics } from './metrics.ts'
import type { PlanNode } from './node.ts'
import { demand } from './operator.ts'
import { Running } from './running.ts'
import type { Env } from './running.ts'
import type { RunOptions } from './types.ts'

/**
 * One run of a plan: an iterator that pulls its last node. Its end, an error, `return()` and an abort all close in the same
 * place: everything is aborted, then everything is waited for.
 */
export class Run<T = unknown> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  private readonly env: Env
  private readonly items: AsyncGenerator<T, undefined>
  private root: Running | undefined
  /** True when nothing of it runs any more. */
  closed = false

  /** @throws MillraceError E_PLAN_SHAPE for what would wait for ever, E_PLAN_RESOURCE for what was not provided */
  constructor(node: PlanNode, metrics: Metrics, { resources = [], signal, onEvent = () => {} }: RunOptions) {
    this.env = {
      metrics,
      resources: new Map(resources.map(({ key, value }) => [key, value])),
      reason: new MillraceError('E_PLAN_ABORTED', 'this part of the plan was closed'),
      closeErrors: new Set(),
      located: new WeakSet(),
      shared: new Map(),
      emit: onEvent,
    }
    check(node, this.env.resources)
    this.items = this.pull(node, signal)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.items.next()
  }

  /** Closes everything and waits for it. What was taken in and not given out is kept for `plan.save()`. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.root?.abort() // first: the generator's own `return` waits behind a pull
    const result = await this.items.return(undefined)
    this.closed = true
    return result
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private async *pull(node: PlanNode, signal: AbortSignal | undefined): AsyncGenerator<T, undefined> {
    const root = new Running(node, this.env)
    const abort = () => root.abort()
    let failure: unknown
    this.root = root
    signal?.addEventListener('abort', abort)
    try {
      while (signal?.aborted !== true) {
        const { done, value } = await root.pull()
        if (done === true) break
        yield value as T
      }
    } catch (error) {
      failure = error
    } finally {
      await root.close()
      signal?.removeEventListener('abort', abort)
      this.closed = true
      this.surface(failure as MillraceError | undefined)
    }
    return undefined
  }

  /** Throws what went wrong, once: the first error, and what came while closing beside its cause. That it was closed is no error. */
  private surface(failure: MillraceError | undefined): void {
    const { closeErrors, reason } = this.env
    const late = [...closeErrors].filter((error) => error !== failure) as MillraceError[]
    const first = failure === reason ? late[0] : (failure ?? late[0])
    if (first === undefined) return
    if (late.length === 0) throw first
    const cause = new AggregateError([...(first === failure ? [first.cause] : []), ...late], 'errors while closing')
    throw new MillraceError(first.code, first.message, first.where, { cause })
  }
}

/** Refuses, before anything starts, what is missing and what would wait for ever. */
function check(root: PlanNode, resources: Env['resources']): void {
  const nodes = new Set([root])
  for (const node of nodes) for (const input of node.inputs) nodes.add(input)
  for (const node of nodes) {
    const { operator, writes, kind, outputs = 1, definition } = node.spec
    const where = { operator, path: node.path }
    const shape = (condition: boolean, sentence: string) => demand(condition, sentence, { code: 'E_PLAN_SHAPE', where })
    const missing = definition?.uses?.find(({ name }) => !resources.has(name))?.name
    demand(missing === undefined, `${operator} needs '${missing}', not provided`, { code: 'E_PLAN_RESOURCE', where })
    shape(writes === undefined || nodes.has(writes), `nothing that runs takes from ${writes?.path}`)
    const used = [...nodes].filter(({ inputs, spec }) =>
      kind === 'queue' ? spec.writes === node : inputs.includes(node),
    ).length
    shape(node === root || used > 0, `nothing that runs puts into ${node.path}`)
    shape(
      node === root || kind === 'queue' || used === outputs,
      `only ${used} of the ${outputs} outputs of ${node.path} are used`,
    )
  }
}
