import { expect, test } from 'vitest'
import { type ProgramDescription, column, compile, scalarState } from '../../../learner/program/index.ts'
import * as t from '../../../learner/tensor/index.ts'

const net = t.parameter('net.weight', [2], t.constantInit(1))
const other = t.parameter('net.weight', [3], t.zerosInit)
const loss = t.reduceSum(t.mul(column('x', [2]), net))
const GOOD: ProgramDescription = {
  sets: { net: [net] },
  graphs: { update: { minimise: { net: { loss, optimizer: { kind: 'adam' } } }, metrics: { loss } } },
  calls: { update: [{ run: 'update' }] },
  policies: {},
}

const made = (change: Partial<ProgramDescription>) =>
  compile({ ...GOOD, ...change }, { name: 'toy', uniform: t.seededUniform(1), seed: 1 })

test('a program is plain data: a copy that crossed a thread is equal, and has everything by name', () => {
  const program = made({})
  expect(structuredClone(program)).toEqual(program)
  expect(program.sets['net']).toMatchObject({ initial: Float32Array.of(1, 1), slots: ['mean', 'square'] })
  expect(program.graphs['update']).toMatchObject({ metrics: ['loss', 'gradNorm'], changes: ['net'], gives: [] })
})

test.each<[string, Partial<ProgramDescription>, RegExp]>([
  [
    'a set that there is not',
    { graphs: { update: { minimise: { actor: GOOD.graphs['update']!.minimise!['net']! } } } },
    /no set, which graph 'toy\.update' makes better called 'actor'; there are net/,
  ],
  ['a parameter of no set', { sets: { net: [other] } }, /the parameter "net\.weight" is in no set/],
  [
    'an input that is bound to nothing',
    { graphs: { update: { metrics: { x: t.input('x', []) } } } },
    /graph 'update' has the input 'x'; make inputs by column\(\)/,
  ],
  [
    'a scalar without a first value',
    { graphs: { update: { metrics: { x: scalarState('kl') } } } },
    /wants the scalar 'kl', which has no first value/,
  ],
  [
    'a rule that runs nothing',
    { calls: { update: [{ run: 'ppo' }] } },
    /call 'update' runs 'ppo', which is no graph of it/,
  ],
  [
    'a copy of another shape',
    { sets: { net: [net], target: { parameters: [other], copyOf: 'net' } } },
    /set 'target' is a copy of 'net', and their parameters differ in shape/,
  ],
  [
    'a copy into nothing',
    { calls: { update: [{ copy: 'net', into: 'target' }] } },
    /copies the set 'target', which there is not/,
  ],
  [
    'an adapted scalar without a first value',
    { calls: { update: [{ adapt: 'kl', by: 'loss', target: 1 }] } },
    /adapts 'kl', which has no first value/,
  ],
])('%s is refused by name', (_, change, message) => {
  expect(() => made(change)).toThrow(
    expect.objectContaining({ code: 'E_GRAPH', message: expect.stringMatching(message) }),
  )
})
