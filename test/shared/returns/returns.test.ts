import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { gaeInto, nStepInto } from '../../../shared/returns/index.ts'

type Columns = Readonly<Record<'rewards' | 'values' | 'next_values' | 'terminated' | 'truncated', number[][]>>

interface Golden {
  readonly gae: readonly {
    inputs: Columns & { gamma: number; lambda: number }
    outputs: Record<'advantages' | 'returns', number[][]>
  }[]
  readonly nstep: readonly {
    inputs: Columns & { gamma: number; n: number }
    outputs: Record<'returns' | 'steps_used', number[][]>
  }[]
}

const reference = JSON.parse(readFileSync(new URL('../../golden/returns.json', import.meta.url), 'utf8')) as Golden

function stepsOf(inputs: Columns) {
  return {
    T: inputs.rewards.length,
    B: inputs.rewards[0]!.length,
    rewards: Float32Array.from(inputs.rewards.flat()),
    values: Float32Array.from(inputs.values.flat()),
    nextValues: Float32Array.from(inputs.next_values.flat()),
    terminated: Uint8Array.from(inputs.terminated.flat()),
    truncated: Uint8Array.from(inputs.truncated.flat()),
  }
}

const close = (actual: ArrayLike<number>, expected: readonly number[]) =>
  expected.forEach((e, i) => expect(Math.abs(actual[i]! - e)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(e))))

describe.each(reference.gae.map((c, i) => ({ ...c, i })))('GAE reference $i', ({ inputs, outputs }) => {
  test('advantages and returns match, over terminations and truncations, also in place', () => {
    const { T, B, ...steps } = stepsOf(inputs)
    const into = { advantages: new Float32Array(T * B), returns: new Float32Array(T * B) }
    gaeInto(steps, { T, B, gamma: inputs.gamma, lambda: inputs.lambda }, into)
    close(into.advantages, outputs.advantages.flat())
    close(into.returns, outputs.returns.flat())
    gaeInto(
      steps,
      { T, B, gamma: inputs.gamma, lambda: inputs.lambda },
      { advantages: steps.rewards, returns: steps.values },
    )
    expect(steps.rewards).toEqual(into.advantages)
    expect(steps.values).toEqual(into.returns)
  })
})

test('a truncated step takes the value of its final observation, a terminated one none, and neither the next episode', () => {
  const steps = {
    rewards: Float32Array.of(1, 1, 100),
    values: Float32Array.of(0, 0, 0),
    nextValues: Float32Array.of(7, 7, 0),
    terminated: Uint8Array.of(0, 1, 0),
    truncated: Uint8Array.of(1, 0, 0),
  }
  const into = { advantages: new Float32Array(3), returns: new Float32Array(3) }
  gaeInto(steps, { T: 3, B: 1, gamma: 0.5, lambda: 1 }, into)
  expect([...into.advantages]).toEqual([1 + 0.5 * 7, 1, 100])
})

describe.each(reference.nstep.map((c, i) => ({ ...c, i })))('n-step reference $i', ({ inputs, outputs }) => {
  test('rewards, discounts and the last step give the returns', () => {
    const { T, B, ...steps } = stepsOf(inputs)
    const into = {
      rewards: new Float32Array(T * B),
      discounts: new Float32Array(T * B),
      last: new Int32Array(T * B),
    }
    nStepInto(steps, { T, B, n: inputs.n, gamma: inputs.gamma }, into)
    const returns = into.rewards.map((r, i) => r + into.discounts[i]! * steps.nextValues[into.last[i]!]!)
    close(returns, outputs.returns.flat())
    expect(Array.from(into.last, (row, i) => (row - i) / B + 1)).toEqual(outputs.steps_used.flat())
  })
})

test('a column of another size is refused by name', () => {
  const { T, B, ...steps } = stepsOf(reference.gae[0]!.inputs)
  const into = { advantages: new Float32Array(T * B), returns: new Float32Array(T * B - 1) }
  expect(() => gaeInto(steps, { T, B, gamma: 1, lambda: 1 }, into)).toThrow(
    expect.objectContaining({ code: 'E_BATCH_SHAPE', message: expect.stringContaining('returns has') }),
  )
})
