import type { NodeSpec, PlanNode, Step } from './node.ts'
import { scopeOf, type AnyDefinition } from './operator.ts'
import { SKIP } from './puller.ts'

type Fn = (item: never) => unknown
type Apply = (item: unknown) => unknown
type StepSpec = Omit<NodeSpec, 'operator' | 'inputs'>

/** What the graph shows of a function: its name. */
export const nameOf = (fn: Fn) => fn.name || 'anonymous'

export const forEachStep = (fn: Fn): StepSpec => ({
  params: { fn: nameOf(fn) },
  step: () => ({ push: fn as Apply }),
})

export const filterStep = (fn: Fn): StepSpec => ({
  params: { fn: nameOf(fn) },
  step: () => ({
    push(item) {
      const keep = (fn as Apply)(item)
      if (keep instanceof Promise) return keep.then((kept) => (kept ? item : SKIP))
      return keep ? item : SKIP
    },
  }),
})

export const batchStep = (size: number): StepSpec => ({
  params: { size },
  definition: { state: () => ({ held: [] }) },
  step(node) {
    const state = node.state as { held: unknown[] }
    return {
      push: (item) => (state.held.push(item) < size ? SKIP : state.held.splice(0)),
      flush: () => (state.held.length > 0 ? state.held.splice(0) : SKIP),
    }
  },
})

export const takeStep = (count: number): StepSpec => ({
  params: { count },
  definition: { state: () => ({ taken: 0 }) },
  step(node) {
    const state = node.state as { taken: number }
    return {
      push(item) {
        state.taken++
        return item
      },
      finished: () => state.taken >= count,
    }
  },
})

/** Every part of an iterable, one at a time; with a function, of what it gives for an item. */
export const flattenStep = (fn?: Fn): StepSpec => ({
  params: fn === undefined ? null : { fn: nameOf(fn) },
  definition: { state: () => ({ rest: [], at: 0 }) },
  step(node) {
    const state = node.state as { rest: unknown[]; at: number }
    const more = () => {
      if (state.at < state.rest.length) return state.rest[state.at++]
      state.rest = []
      return SKIP
    }
    const open = (parts: unknown) => {
      state.rest = Array.from(parts as Iterable<unknown>)
      state.at = 0
      return more()
    }
    if (fn === undefined) return { push: open, more }
    return {
      push(item) {
        const parts = (fn as Apply)(item)
        return parts instanceof Promise ? parts.then(open) : open(parts)
      },
      more,
    }
  },
})

/** An operator that was defined with `each`. */
export const eachStep = (definition: AnyDefinition): StepSpec => ({
  definition,
  step(node: PlanNode, env): Step {
    const ctx = env.run.context(node, env)
    const scope = scopeOf(node.params, node.state, ctx)
    const each = definition.each as (item: unknown, scope: unknown) => unknown
    return { push: (item) => each(item, scope), abort: () => ctx.abort() }
  },
})
