import { nearestName } from '../errors.ts'
import { isThenable, showValue } from '../showValue.ts'

/** A fault of an env, in two halves: what it did, and what to do about it. */
export interface Fault {
  readonly what: string
  readonly todo?: string
}

/** How other libraries call the two flags. */
const ALIASES: Readonly<Record<string, string>> = {
  done: 'terminated',
  isDone: 'terminated',
  is_done: 'terminated',
  terminal: 'terminated',
  timeout: 'truncated',
  timedOut: 'truncated',
}
const FLAGS = ['terminated', 'truncated'] as const

const SYNCHRONOUS =
  'prepare what needs waiting for before (a top-level await in the module), or let a worker thread do it and wait for it with ' +
  'Atomics.wait'

/** A method that should have done its work by now gave a Promise. What becomes of it is nobody's to hear: it is not used. */
export function promiseFault(method: 'reset' | 'step' | 'load', given: PromiseLike<unknown>): Fault {
  given.then(undefined, () => undefined)
  const which = method === 'load' ? 'load is' : 'reset and step are'
  return { what: `gave a Promise from ${method}`, todo: `${which} synchronous: ${SYNCHRONOUS}` }
}

/** What is wrong with what `step` gave; for a result whose reward is no number or whose flags are no booleans. */
export function outcomeFault(outcome: unknown): Fault {
  const expected = 'step returns { reward: a number, terminated: a boolean, truncated: a boolean }'
  if (isThenable(outcome)) return promiseFault('step', outcome)
  if (typeof outcome !== 'object' || outcome === null)
    return { what: `gave ${showValue(outcome)} from step`, todo: expected }
  if (Array.isArray(outcome)) {
    return {
      what: `gave a list from step: ${showValue(outcome)}`,
      todo: `${expected}, and writes the observation into its second parameter`,
    }
  }
  const fields = outcome as Readonly<Record<string, unknown>>
  for (const name of FLAGS) {
    if (fields[name] !== undefined) continue
    const given = otherName(name, Object.keys(fields))
    const hint = given === undefined ? '' : ` but ${given}: did you mean ${name}?`
    return { what: `gave no ${name} from step${hint}`, todo: expected }
  }
  if (typeof fields['reward'] !== 'number')
    return { what: `gave a reward of ${showValue(fields['reward'])}`, todo: 'a reward is a number' }
  const flag = FLAGS.find((name) => typeof fields[name] !== 'boolean') ?? 'terminated'
  return { what: `gave ${flag} ${showValue(fields[flag])}`, todo: `${flag} is true or false` }
}

/** The field that was meant to be this one. */
function otherName(name: (typeof FLAGS)[number], given: readonly string[]): string | undefined {
  const unknown = given.filter((key) => key !== 'reward' && !FLAGS.some((flag) => flag === key))
  const short = name === 'terminated' ? 'terminate' : 'truncate'
  return unknown.find((key) => ALIASES[key] === name || key.toLowerCase() === short) ?? nearestName(name, unknown)
}

/** What is wrong with what `reset` gave, which should be nothing. */
export function resetFault(given: unknown): Fault {
  if (isThenable(given)) return promiseFault('reset', given)
  return {
    what: `gave ${showValue(given)} from reset`,
    todo: 'reset returns nothing: write the first observation into its first parameter (observation[0] = …)',
  }
}

/** What is wrong with a mask that an env has written: flags of all choices, of which each keeps one at least. */
export function maskFault(mask: Uint8Array, choices: readonly number[]): Fault | undefined {
  const odd = mask.findIndex((flag) => flag > 1)
  if (odd >= 0) return { what: `gave ${mask[odd]} at element ${odd} of its action mask`, todo: 'a flag is 0 or 1' }
  let from = 0
  for (const [d, n] of choices.entries()) {
    if (mask.indexOf(1, from) < 0 || mask.indexOf(1, from) >= from + n) {
      const which = choices.length === 1 ? 'every action' : `every action of choice ${d}`
      return { what: `masks ${which}`, todo: 'at least one must stay; where none may be taken, end the episode' }
    }
    from += n
  }
  return undefined
}
