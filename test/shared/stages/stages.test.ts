import { expect, test } from 'vitest'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { gae, gradients } from '../../../learner/operators/atSource.ts'
import { graphAtSource } from '../../../learner/program/index.ts'
import { formAfter, roundsOf } from '../../../shared/stages/index.ts'
import { discrete, programOf } from '../../learner/program/programs.ts'

const form = { T: 8, B: 4, columns: [] }
const shared = (params: object) => ({ name: 'sharedGradients', params: { graph: 'g', epochs: 3, rows: 8, ...params } })

test('a stage that is not known, or whose parameters are wrong, is refused with what there is', () => {
  expect(() => formAfter({ stages: [{ name: 'gea', params: {} }] }, form)).toThrow(
    "there is no stage 'gea'; did you mean 'gae'?",
  )
  expect(() => formAfter({ stages: [{ name: 'gae', params: { gamma: 2, lambda: 1 } }] }, form)).toThrow(
    /^parameters of stage 'gae': gamma/,
  )
})

test('wrong parameters fail when the plan is built', () => {
  expect(() => gae({ gamma: 0.9, lambda: 1.5 })).toThrow(expect.objectContaining({ code: 'E_PLAN_PARAMETER' }))
  expect(() => gradients({ graph: '' })).toThrow(expect.objectContaining({ code: 'E_PLAN_PARAMETER' }))
})

test('a stage that gives several messages of a fragment has to be the last, and its minibatches divide a fragment', () => {
  expect(roundsOf([shared({})], form)).toBe(3 * 4)
  expect(() => roundsOf([shared({}), shared({})], form)).toThrow(
    "stage 'sharedGradients' gives several messages of a fragment and has to be the last",
  )
  expect(() => roundsOf([shared({ rows: 5 })], form)).toThrow(
    'minibatches of 5 steps do not divide the 32 of a fragment',
  )
})

test('a graph that functions cannot run is refused before anything starts', () => {
  const sizes = { policy: discrete(2, [4]), T: 8, B: 4 }
  const ppo = programOf(ALGORITHMS.ppo({ minibatchSteps: 32 }), sizes)
  expect(() => graphAtSource(ppo, 'advantage')).toThrow("a stage runs 'advantage', which is no graph of it")
  expect(() => graphAtSource(ppo, 'surrogate')).toThrow(/runs at the source, which has no '(slot|step)/)
  expect(() => graphAtSource(ppo, 'advantages')).toThrow(
    /of which the policy is published with \d+; publish it with its value/,
  )
})
