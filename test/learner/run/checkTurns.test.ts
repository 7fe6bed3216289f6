import { expect, test } from 'vitest'
import { checkTurns } from '../../../learner/run/checkTurns.ts'
import { experiment } from '../../../learner/experiment.ts'
import { impala } from '../../../learner/algorithms/impala.ts'
import { CartPole } from '../../../shared/env/index.ts'

/** CartPole without save and load. */
class Forgetful {
  static readonly id = 'Forgetful-v0'
  static readonly maxEpisodeSteps = 500
  private readonly inner = new CartPole()
  readonly observationSpace = this.inner.observationSpace
  readonly actionSpace = this.inner.actionSpace
  readonly reset = this.inner.reset.bind(this.inner)
  readonly step = this.inner.step.bind(this.inner)
}

const of = (env: typeof Forgetful | string, concurrency?: number, functions?: number) => () =>
  checkTurns(experiment({ env, algorithm: impala({ deterministic: true }), rollouts: { shards: 16, functions } }), {
    where: 'emulated cloud',
    ...(concurrency !== undefined && { concurrency }),
  })

test('a deterministic run of an env that cannot be saved is refused before it starts where functions would have to take turns', () => {
  expect(of(Forgetful, 10, 16)).toThrow(
    /needs all of its 16 functions at once .* 10 run at once \(emulated cloud\); .*save and load, or set rollouts.functions to 10/,
  )
})

test('it is not where there is room for all, where nobody knows, where functions work on several shards, or where the env can be saved', () => {
  const roomy = [of(Forgetful, 16, 16), of(Forgetful, undefined, 16), of(Forgetful, 10), of(Forgetful, 10, 4)]
  for (const allowed of [...roomy, of('CartPole-v1', 10, 16)]) expect(allowed).not.toThrow()
})
