import { type AnyDefinition, scopeOf } from './operator.ts'
import type { NodeSpec, PlanNode } from './node.ts'
import { END, Puller } from './puller.ts'
import type { Env, Pulled } from './puller.ts'
import type { Context } from './types.ts'

const DONE = { done: true, value: undefined } as const

/** An operator that was defined with `run`: a stream into a stream, usually an async generator. */
class Stream extends Puller {
  private readonly ctx: Context & { abort(): void }
  private readonly iterator: AsyncIterator<unknown>
  private pending: Promise<unknown> | undefined

  constructor(node: PlanNode, env: Env, definition: AnyDefinition) {
    const input = env.pull(node.inputs[0]!)
    super(node, env, [input])
    this.ctx = env.run.context(node, env)
    const run = definition.run as (source: AsyncIterable<unknown>, scope: unknown) => AsyncIterator<unknown>
    this.iterator = run(iterableOf(input), scopeOf(node.params, node.state, this.ctx))
  }

  protected next(): Pulled {
    const pending = this.iterator.next().then((result) => (result.done === true ? END : result.value))
    this.pending = pending
    return pending
  }

  protected override onAbort(): void {
    this.ctx.abort()
  }

  protected override async onClose(): Promise<void> {
    const returned = this.iterator.return?.()
    await this.pending?.catch(() => undefined) // whoever pulled has it
    await returned
  }
}

function iterableOf(input: Puller): AsyncIterable<unknown> {
  const result = (pulled: unknown): IteratorResult<unknown> => (pulled === END ? DONE : { done: false, value: pulled })
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        try {
          const pulled = input.pull()
          return pulled instanceof Promise ? pulled.then(result) : Promise.resolve(result(pulled))
        } catch (error) {
          return Promise.reject(error)
        }
      },
      async return() {
        await input.close()
        return DONE
      },
    }),
  }
}

export const streamNode = (definition: AnyDefinition): Pick<NodeSpec, 'definition' | 'start'> => ({
  definition,
  start: (node, env) => new Stream(node, env, definition),
})
