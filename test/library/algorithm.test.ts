import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { algorithm } from '../../learner/algorithm.ts'
import { ALGORITHM_NAMES } from '../../learner/algorithms/index.ts'
import { planOf } from '../../learner/planOf.ts'
import { experiment } from '../../learner/experiment.ts'
import * as tensor from '../../learner/tensor/index.ts'
import * as kit from '../../library/algorithm.ts'

const folder = join(packageRoot(), 'learner/algorithms')
const IMPORT = /^import (type )?\{([^}]*)\} from '([^']+)'/gm

/** Values that a file imports from Millrace, by the module and name that it has there. */
function imported(file: string): { readonly module: string; readonly name: string }[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(IMPORT)].flatMap(([, type, names = '', from = '']) => {
    if (type !== undefined || !from.startsWith('.')) return []
    const values = names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
    return values.map((name) => ({ module: resolve(dirname(file), from), name: name.split(' as ')[0] ?? name }))
  })
}

/** What a user has elsewhere: errors from `millrace`, what an env's spaces say from `millrace/env`. */
const ELSEWHERE = /\/shared\/(errors|env\/space|policy\/spec)\.ts$/

test.each(ALGORITHM_NAMES)('%s uses nothing that an author outside has not', async (name) => {
  const names = imported(join(folder, `${name}.ts`)).filter(({ module }) => !ELSEWHERE.test(module))
  expect(names.length).toBeGreaterThan(10)
  const offered = new Set<unknown>([...Object.values(kit), ...Object.values(tensor)])
  const missing: string[] = []
  for (const { module, name: value } of names) {
    const { [value]: used } = (await import(module)) as Record<string, unknown>
    if (!offered.has(used)) missing.push(`${value} of ${basename(module)}`)
  }
  expect(missing, 'is neither in millrace/algorithm nor in millrace/tensor').toEqual([])
})

test('every algorithm has a file of its own', () => {
  const files = readdirSync(folder).map((file) => file.replace('.ts', ''))
  for (const name of ALGORITHM_NAMES) expect(files).toContain(name)
})

const nothing = (): never => expect.unreachable('nothing of this runs')
const parts = { program: nothing, pacing: nothing, fragmentsPerUpdate: () => 1 }
const made = (plan: kit.AlgorithmDefinition<typeof Config>['plan']) =>
  experiment({ env: 'CartPole-v1', algorithm: algorithm({ name: 'mine', config: Config, plan, ...parts })() })
const Config = z.object({ gamma: z.number().default(0.99) })
const source = (plan: kit.Plan) => plan.source('rollouts', kit.rolloutSource).gatherSync()

test('a plan that could run for ever without learning is refused before anything starts', () => {
  const trained = (plan: kit.Plan) =>
    source(plan)
      .via(kit.concatBatches({ minSteps: 1 }))
      .via(kit.countSamples())
      .via(kit.trainOneStep({ rates: {}, publishEvery: 1 }))
  expect(() => planOf(made((plan) => source(plan) as never))).toThrow(/the plan of mine trains nothing/)
  const uncounted = (plan: kit.Plan) =>
    source(plan)
      .via(kit.concatBatches({ minSteps: 1 }))
      .via(kit.trainOneStep({ rates: {}, publishEvery: 1 }))
  expect(() => planOf(made(uncounted))).toThrow(/the plan of mine counts no steps/)
  expect(() => planOf(made(trained))).toThrow(/the plan of mine publishes no policy/)
  expect(() => planOf(made((plan) => trained(plan).via(kit.publishPolicy())))).not.toThrow()
})

test('a setting that is misspelt is refused, also where the author forgot to say that there are no others', () => {
  const make = algorithm({ name: 'mine', config: Config, plan: nothing, ...parts })
  expect(make({ gamma: 0.5 }).config).toEqual({ gamma: 0.5 })
  expect(() => make({ gama: 0.5 } as never)).toThrow("mine has no field 'gama'; did you mean 'gamma'?")
})

test("what an author's own code throws is told with the place in their file; what Millrace says of it keeps its code", () => {
  const throwing = (thrown: () => never) => () => made(thrown).algorithm.plan(undefined as never, undefined as never)
  const slip = throwing(() => {
    throw new TypeError('x is undefined')
  })
  expect(slip).toThrow(
    expect.objectContaining({
      code: 'E_EXPERIMENT',
      message: 'mine: its plan threw TypeError: x is undefined',
      userStack: expect.stringMatching(/^at .*algorithm\.test\.ts:\d+:\d+/),
    }),
  )
  const refused = throwing(() => kit.concatBatches({ minSteps: 0 }) as never)
  expect(refused).toThrow(
    expect.objectContaining({ code: 'E_PLAN_PARAMETER', where: expect.objectContaining({ minSteps: 0 }) }),
  )
})
