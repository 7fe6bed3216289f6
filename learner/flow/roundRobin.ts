import { branches, requestsOf } from './gather.ts'
import type { Running } from './running.ts'
import type { ConcurrentlyOptions } from './types.ts'

/** What '*' takes at most in one turn, so that a branch that always has an item leaves the others theirs. */
const STAR_LIMIT = 100
/** Microtasks that a '*' branch has to come up with an item: time for a deep pipeline, none for the outer world. */
const PROMPT = 200

export type Turns = Required<Pick<ConcurrentlyOptions, 'weights' | 'seed'>> & { readonly output: readonly number[] }

/** `left`: items left of this turn. The first turn is that of branch 0. */
export const freshTurns = ({ seed }: Turns) => ({ turn: -1, left: 0, random: seed | 0 })

type State = ReturnType<typeof freshTurns>

/**
 * Branches in turn, each as many items as its weight. A branch that waits for another one (a full queue, an empty one) is passed over and
 * its item taken in a later turn; one of weight '*' also when its item does not come without an event of the outer world.
 */
export async function* takeTurns(running: Running, { weights, output }: Turns): AsyncGenerator<unknown> {
  const state = running.node.state as State
  const asked = branches(running, output, false)
  const requests = requestsOf(running, asked)
  const { ready, done, waiting } = requests
  const stalled = new Set<string>()
  const waits = (shard: string) => done.has(shard) || (waiting.includes(shard) && stalled.has(shard))
  running.onStall = (branch) => {
    stalled.add(String(branch))
    requests.arrived.open()
  }
  try {
    while (asked.ended?.() !== true || ready.length > 0) {
      const { turn } = state
      const shard = String(turn)
      const at = ready.findIndex((sourced) => sourced.shard === shard)
      if (state.left === 0 || (at < 0 && done.has(shard))) {
        nextTurn(state, weights)
      } else if (at >= 0) {
        state.left--
        const [taken] = ready.splice(at, 1)
        if (output.includes(turn)) yield taken!.item
      } else if (!waiting.includes(shard)) {
        stalled.delete(shard)
        requests.ask(shard)
        for (let i = 0; weights[turn] === '*' && waiting.includes(shard) && i < PROMPT; i++) await Promise.resolve()
        if (weights[turn] === '*') stalled.add(shard)
      } else if (waits(shard) && !asked.shards().every(waits)) {
        nextTurn(state, weights)
      } else {
        await requests.answer()
      }
    }
  } finally {
    await requests.close()
  }
}

/** A fraction is rounded by chance: the linear congruential generator of Numerical Recipes, whose one word goes into the checkpoint. */
function nextTurn(state: State, weights: Turns['weights']): void {
  state.turn = (state.turn + 1) % weights.length
  const weight = weights[state.turn]!
  const share = weight === '*' ? STAR_LIMIT : weight
  if (share % 1 > 0) state.random = (Math.imul(state.random, 1664525) + 1013904223) | 0
  state.left = Math.floor(share) + ((state.random >>> 0) / 2 ** 32 < share % 1 ? 1 : 0)
}
