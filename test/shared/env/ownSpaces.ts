import type { Env, EnvAction, Random, StepOutcome } from '../../../shared/env/index.ts'

/** Six actions, each to be taken once: those that were are masked. */
export class Once implements Env {
  readonly observationSpace = { kind: 'box', shape: [6], low: 0, high: 1 } as const
  readonly actionSpace = { kind: 'discrete', n: 6 } as const
  private readonly taken = new Uint8Array(6)

  reset(observation: Float32Array): void {
    this.taken.fill(0)
    observation.set(this.taken)
  }

  step(action: number, observation: Float32Array): StepOutcome {
    if (this.taken[action] === 1) throw new Error(`${action} was taken before`)
    this.taken[action] = 1
    observation.set(this.taken)
    return { reward: action, terminated: this.taken.every((flag) => flag === 1), truncated: false }
  }

  actionMask(mask: Uint8Array): void {
    if (this.taken.includes(0)) for (let i = 0; i < 6; i++) mask[i] = 1 - (this.taken[i] ?? 0)
  }

  save(): number[] {
    return [...this.taken]
  }

  load(state: unknown): void {
    this.taken.set(state as number[])
  }
}

/** Two numbers are shown, and both are to be said; the second may not be 0 where the first that is shown is. */
export class SayBoth implements Env {
  static readonly maxEpisodeSteps = 10
  readonly observationSpace = { kind: 'box', shape: [2], low: 0, high: 3 } as const
  readonly actionSpace = { kind: 'multiDiscrete', nvec: [3, 4] } as const
  private random: Random | undefined
  private shown = [0, 0]

  reset(observation: Float32Array, random: Random): void {
    this.random = random
    this.show(observation)
  }

  step(action: EnvAction, observation: Float32Array): StepOutcome {
    if (!(action instanceof Int32Array)) throw new Error('several choices are an Int32Array')
    if (this.shown[0] === 0 && action[1] === 0) throw new Error('a masked choice was taken')
    const reward = Number(action[0] === this.shown[0]) + Number(action[1] === this.shown[1])
    this.show(observation)
    return { reward, terminated: false, truncated: false }
  }

  actionMask(mask: Uint8Array): void {
    if (this.shown[0] === 0) mask[3] = 0
  }

  private show(observation: Float32Array): void {
    this.shown = [this.random?.integer(3) ?? 0, this.random?.integer(4) ?? 0]
    observation.set(this.shown)
  }
}

/** An image of bytes with a bright spot: in which half is it? */
export class Spot implements Env {
  static readonly maxEpisodeSteps = 10
  readonly observationSpace = { kind: 'box', shape: [5, 4, 2], low: 0, high: 255, dtype: 'uint8' } as const
  readonly actionSpace = { kind: 'discrete', n: 2 } as const
  private random: Random | undefined
  private half = 0

  reset(observation: Float32Array, random: Random): void {
    this.random = random
    this.show(observation)
  }

  step(action: number, observation: Float32Array): StepOutcome {
    const reward = Number(action === this.half)
    this.show(observation)
    return { reward, terminated: false, truncated: false }
  }

  private show(observation: Float32Array): void {
    const at = this.random?.integer(20) ?? 0
    observation.fill(0)
    observation[2 * at] = 255
    observation[39] = 7
    this.half = Number(at % 4 >= 2)
  }
}
