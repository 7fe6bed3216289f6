import { END, Gate } from './running.ts'
import type { Running } from './running.ts'

/** What '*' takes at most in one turn, so that a branch that always has an item leaves the others theirs. */
const STAR_LIMIT = 100
/** Microtasks that a '*' branch has to come up with an item: time for a deep pipeline, none for the outer world. */
const PROMPT = 200

export interface Turns {
  readonly weights: readonly (number | '*')[]
  readonly output: readonly number[]
  readonly seed: number
}

interface State {
  turn: number
  /** Items left of this turn. */
  left: number
  random: number
}

/** The first turn is that of branch 0. */
export function freshTurns({ weights, seed }: Turns): State {
  const state = { turn: -1, left: 0, random: seed | 0 }
  nextTurn(state, weights)
  return state
}

/**
 * Branches in turn, each as many items as its weight. A branch that waits for another one (a full queue, an empty one) is passed
 * over and its item taken in a later turn; one of weight '*' also when its item does not come without an event of the outer world.
 */
export async function* takeTurns(running: Running, { weights, output }: Turns): AsyncGenerator<unknown> {
  const { node, ctx, inputs } = running
  const state = node.state as State
  const held = node.held as { readonly branch: number; readonly item: unknown }[]
  const live = new Set(inputs.keys())
  const pending = new Map<number, Promise<void>>()
  const stalled = new Set<number>()
  const changed = new Gate()
  let failure: { readonly error: unknown } | undefined

  running.onStall = (branch) => {
    stalled.add(branch)
    changed.open()
  }
  const waits = (branch: number) => pending.has(branch) && stalled.has(branch)
  const pull = async (branch: number) => {
    try {
      const item = await inputs[branch]!.pull()
      if (item === END) live.delete(branch)
      else held.push({ branch, item })
    } catch (error) {
      if (failure === undefined && !ctx.signal.aborted) failure = { error }
      else ctx.late(error)
    }
    pending.delete(branch)
    changed.open()
  }
  try {
    while (output.some((branch) => live.has(branch))) {
      if (failure !== undefined) throw failure.error
      const { turn } = state
      const at = held.findIndex(({ branch }) => branch === turn)
      if (state.left === 0 || (!live.has(turn) && at < 0)) {
        nextTurn(state, weights)
      } else if (at >= 0) {
        state.left--
        const [taken] = held.splice(at, 1)
        if (output.includes(turn)) yield taken!.item
      } else if (!pending.has(turn)) {
        stalled.delete(turn)
        pending.set(turn, pull(turn))
        for (let i = 0; weights[turn] === '*' && pending.has(turn) && i < PROMPT; i++) await undefined
        if (weights[turn] === '*' && pending.has(turn)) stalled.add(turn)
      } else if (waits(turn) && ![...live].every(waits)) {
        nextTurn(state, weights)
      } else {
        await ctx.abortable(changed.wait())
      }
    }
  } finally {
    await Promise.all(inputs.map((input) => input.close()))
    await Promise.all(pending.values())
  }
}

function nextTurn(state: State, weights: Turns['weights']): void {
  state.turn = (state.turn + 1) % weights.length
  const weight = weights[state.turn]!
  const whole = weight === '*' ? STAR_LIMIT : Math.floor(weight)
  state.left = weight === '*' || weight === whole ? whole : whole + (uniform(state) < weight - whole ? 1 : 0)
}

/** mulberry32 (Tommy Ettinger): one word of state, uniform in [0, 1). */
function uniform(state: State): number {
  state.random = (state.random + 0x6d2b79f5) | 0
  let t = state.random
  t = Math.imul(t ^ (t >>> 15), t | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
