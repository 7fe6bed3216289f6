import { MillraceError } from '../../shared/errors.ts'
import type { Metrics } from './metrics.ts'
import type { PlanNode } from './node.ts'
import { demand } from './operator.ts'
import { type Env, freshEnv, Running } from './running.ts'
import type { RunOptions } from './types.ts'

/** One run of a plan: an iterator that pulls its last node. */
export interface Run<T = unknown> extends AsyncIterableIterator<T, undefined> {
  /** True when nothing of it runs any more. */
  readonly closed: boolean
  /** Closes everything and waits for it. What was taken in and not given out is kept for `plan.save()`. */
  return(): Promise<IteratorResult<T, undefined>>
}

/**
 * The end, an error, `return()` and an abort all close in the same place: everything is aborted, then everything is waited for.
 *
 * @throws MillraceError E_PLAN_SHAPE for what would wait for ever, E_PLAN_RESOURCE for what was not provided
 */
export function startRun<T>(node: PlanNode, metrics: Metrics, options: RunOptions): Run<T> {
  const { signal } = options
  const env = freshEnv(metrics, options)
  let root: Running | undefined
  const abort = () => root?.abort()
  async function* pull() {
    let failure: unknown
    try {
      root = new Running(node, env)
      signal?.addEventListener('abort', abort)
      while (signal?.aborted !== true) {
        const { done, value } = await root.pull()
        if (done === true) break
        yield value as T
      }
    } catch (error) {
      failure = error
    } finally {
      await root?.close()
      signal?.removeEventListener('abort', abort)
      run.closed = true
      surface(env, failure as MillraceError | undefined)
    }
    return undefined
  }
  check(node, env.resources)
  const items = pull()
  const finish = items.return.bind(items)
  const run = Object.assign(items, {
    closed: false,
    async return() {
      abort() // first: the generator's own `return` waits behind a pull
      const result = await finish(undefined)
      run.closed = true
      return result
    },
  })
  return run
}

/** Throws what went wrong, once: the first error, and what came while closing beside its cause. That it was closed is no error. */
function surface({ closeErrors, reason }: Env, failure: MillraceError | undefined): void {
  const late = [...closeErrors].filter((error) => error !== failure)
  const first = failure === reason ? late[0] : (failure ?? late[0])
  if (first === undefined) return
  if (late.length === 0) throw first
  const cause = new AggregateError([...(first === failure ? [first.cause] : []), ...late], 'errors while closing')
  throw new MillraceError(first.code, first.message, first.where, { cause, userStack: first.userStack })
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
    const all = [...nodes]
    shape(kind !== 'queue' || all.some(({ spec }) => spec.writes === node), `nothing that runs puts into ${node.path}`)
    const used = all.filter(({ inputs }) => inputs.includes(node)).length
    const fits = node === root || kind === 'queue' || used === outputs
    shape(fits, `only ${used} of the ${outputs} outputs of ${node.path} are used`)
  }
}
