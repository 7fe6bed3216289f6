import type { Env, PlainData, Random, StepOutcome } from 'millrace'

const THRUST = 0.1
const DOCK_SPEED = 0.2
const LOST_AT = 15

/**
 * Dock a craft that drifts without friction: push off early enough, and brake late enough to arrive slowly.
 *
 * - Observation: distance to the dock in tens of metres, closing speed in m/s.
 * - Actions, each for one second: 0 brake, 1 drift, 2 push (0.1 m/s²).
 * - Reward: -0.05 a second. At the dock +10, less 20 for every m/s above 0.2 (never below -10). Lost 15 m away: -10.
 * - An episode starts 5 to 10 m away and still. It is cut off after 100 steps.
 */
export class Dock implements Env {
  static readonly id = 'Dock-v0'
  static readonly maxEpisodeSteps = 100
  readonly observationSpace = { kind: 'box', shape: [2], low: -5, high: 5 } as const
  readonly actionSpace = { kind: 'discrete', n: 3 } as const
  private distance = 0
  private speed = 0
  private readonly outcome: StepOutcome = { reward: 0, terminated: false, truncated: false }

  reset(observation: Float32Array, random: Random): void {
    this.distance = random.uniformBetween(5, 10)
    this.speed = 0
    this.observe(observation)
  }

  step(action: number | Float32Array, observation: Float32Array): StepOutcome {
    this.speed += (Number(action) - 1) * THRUST
    this.distance -= this.speed
    const docked = this.distance <= 0
    const lost = this.distance >= LOST_AT
    this.outcome.reward = -0.05 + (docked ? dockReward(this.speed) : lost ? -10 : 0)
    this.outcome.terminated = docked || lost
    this.observe(observation)
    return this.outcome
  }

  /** Optional: with save and load an episode goes on when a function ends and the next one takes over. */
  save(): PlainData {
    return { distance: this.distance, speed: this.speed }
  }

  load(state: PlainData): void {
    Object.assign(this, state)
  }

  private observe(observation: Float32Array): void {
    observation[0] = this.distance / 10
    observation[1] = this.speed
  }
}

function dockReward(speed: number): number {
  return Math.max(-10, 10 - 20 * Math.max(0, speed - DOCK_SPEED))
}

/** What physics says: push while there is still room to stop, else brake. A learner should come close to it. */
export function scriptedAction(distance: number, speed: number): number {
  const pushed = speed + THRUST
  const roomToStop = (pushed * pushed) / (2 * THRUST) + pushed
  if (roomToStop < distance) return 2
  return speed > DOCK_SPEED ? 0 : 1
}
