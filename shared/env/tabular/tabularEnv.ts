import { MillraceError } from '../../errors.ts'
import { Random } from '../../random.ts'
import { stateNumbers } from '../config.ts'
import type { Env, EnvAction, PlainData, StepOutcome } from '../env.ts'
import type { DiscreteSpace } from '../space.ts'
import type { Table, Transition } from './table.ts'

/** An env that plays a Table. The observation is the state's index, which a VectorEnv makes one-hot. */
export class TabularEnv implements Env {
  readonly observationSpace: DiscreteSpace
  readonly actionSpace: DiscreteSpace
  private readonly id: string
  private readonly table: Table
  private state = 0
  private random = new Random(0)
  private readonly outcome: StepOutcome = { reward: 0, terminated: false, truncated: false }

  constructor(id: string, table: Table) {
    this.id = id
    this.table = table
    this.observationSpace = { kind: 'discrete', n: table.states }
    this.actionSpace = { kind: 'discrete', n: table.actions }
  }

  reset(observation: Float32Array, random: Random): void {
    this.random = random
    this.state = drawIndex(this.table.initial, random)
    observation[0] = this.state
  }

  step(action: EnvAction, observation: Float32Array): StepOutcome {
    const follows = this.table.transitions[this.state]?.[Number(action)] ?? []
    const chosen = follows.length > 1 ? draw(follows, this.random) : follows[0]
    if (chosen === undefined)
      throw new MillraceError('E_ENV_STEP', `${this.id} has no action ${Number(action)}`, { env: this.id })
    this.state = chosen.next
    this.outcome.reward = chosen.reward
    this.outcome.terminated = chosen.terminated
    observation[0] = this.state
    return this.outcome
  }

  save(): PlainData {
    return [this.state]
  }

  load(state: PlainData, random: Random): void {
    const [index = -1] = stateNumbers(this.id, state, 1)
    if (this.table.transitions[index] === undefined) {
      const message = `the saved state of ${this.id} is ${index}, expected one of 0 … ${this.table.states - 1}`
      throw new MillraceError('E_ENV_CONFIG', message, { env: this.id })
    }
    this.random = random
    this.state = index
  }
}

/** Draws one of several; the last one also stands for what rounding leaves of 1. */
function draw(follows: readonly Transition[], random: Random): Transition | undefined {
  let left = random.uniform()
  for (const transition of follows) {
    left -= transition.probability
    if (left < 0) return transition
  }
  return follows.at(-1)
}

/** Draws an index; one of probability 0 never comes. */
function drawIndex(probabilities: readonly number[], random: Random): number {
  let left = random.uniform()
  let last = 0
  for (let i = 0; i < probabilities.length; i++) {
    const probability = probabilities[i] ?? 0
    if (probability > 0) last = i
    left -= probability
    if (left < 0) return last
  }
  return last
}
