/** What may follow an action in a state. */
export interface Transition {
  readonly probability: number
  /** The next state, an index. */
  readonly next: number
  readonly reward: number
  readonly terminated: boolean
}

/** A small finite task (a Markov decision process) as plain data. */
export interface Table {
  readonly states: number
  readonly actions: number
  /** [S] probability that an episode starts there. */
  readonly initial: readonly number[]
  /** [S][A] what may follow; the probabilities of one list add up to 1. */
  readonly transitions: readonly (readonly (readonly Transition[])[])[]
}

/** @param follows what may follow an action in a state */
export function makeTable(
  { actions, initial }: Pick<Table, 'actions' | 'initial'>,
  follows: (state: number, action: number) => readonly Transition[],
): Table {
  const states = initial.length
  const transitions = Array.from({ length: states }, (_, state) =>
    Array.from({ length: actions }, (_unused, action) => follows(state, action)),
  )
  return { states, actions, initial, transitions }
}

/** A move that may go to either side instead: its own direction and the two beside it. Directions are numbered around the compass. */
export const besides = (direction: number): readonly [number, number, number] => [
  (direction + 3) % 4,
  direction,
  (direction + 1) % 4,
]

const made = new Map<string, Table>()

/** The table of this name, made once in a process: it is the same for every env that plays it. */
export function sharedTable(name: string, make: () => Table): Table {
  const known = made.get(name) ?? make()
  made.set(name, known)
  return known
}
