import { describe, expect, test } from 'vitest'
import { ALGORITHMS } from '../../../learner/algorithms/index.ts'
import { type Program, compile } from '../../../learner/program/index.ts'
import { seededUniform } from '../../../learner/tensor/index.ts'
import { hostTensors } from '../../../learner/training/hostTensors.ts'
import {
  columnNamed,
  concatFragments,
  rolloutColumnSpecs,
  trainInputs,
  validateFragment,
} from '../../../shared/batch/index.ts'
import { rolloutForm } from '../../../shared/batch/index.ts'
import { formAfter } from '../../../shared/stages/index.ts'
import { runnerOf } from '../../learner/program/programs.ts'
import { graphAtSource, sourceOf, specOf } from './sources.ts'

const [T, B] = [6, 4]
const RATES = { learning_rate: 7e-4, entropy_coef: 0.01 }
const stages = [{ name: 'gradients', params: { graph: 'gradients', rates: { entropy_coef: 0.01 } } }]

/** A3C's program, with a call for the graph that functions run. */
function programFor(env: string): Program {
  const description = ALGORITHMS.a3c({ hidden: [16] }).program({ policy: specOf(env), T, B })
  const calls = { ...description.calls, gradients: [{ run: 'gradients' }] }
  return compile({ ...description, calls }, { name: 'a3c', uniform: seededUniform(1), seed: 1 })
}

describe.each(['CartPole-v1', 'Pendulum-v1'])('%s', (env) => {
  test('the gradient computed at the source is the learner’s, bit for bit, before every one of some updates', async () => {
    const program = programFor(env)
    const runner = runnerOf(program)
    const source = await sourceOf(env, runner, program, stages, { T, B })
    const specs = rolloutColumnSpecs(specOf(env))
    for (let version = 0; version < 5; version++) {
      await source.usePolicy(version)
      const fragment = await source.step(version)
      const columns = hostTensors(trainInputs(concatFragments([fragment], specs)).columns)
      const learners = await runner.call('gradients', { columns, rates: RATES })
      const sent = await source.stages.apply(fragment)
      const { data } = columnNamed(sent, 'gradient')
      expect(data).toEqual(learners.columns['gradient']?.data)
      expect(data.some((x) => x !== 0)).toBe(true)
      const names = graphAtSource(program, 'gradients').metrics
      const metrics = columnNamed(sent, 'metrics').data
      names.forEach((name, i) => expect(metrics[i], name).toBe(learners.metrics[name]))
      // And what comes of it at the learner is a step by that gradient.
      const form = formAfter(
        { stages, graphs: GRAPHS(program) },
        rolloutForm({ fragmentLength: T, numEnvs: B, policy: specOf(env) }),
      )
      validateFragment(sent, form)
      const joined = trainInputs(concatFragments([sent], form.columns)).columns
      const { metrics: applied } = await runner.call('update', { columns: hostTensors(joined), rates: RATES })
      expect(applied['gradNorm']).toBeCloseTo(Math.hypot(...data), 4)
      for (const name of names) expect(applied[name]).toBeCloseTo(learners.metrics[name] ?? Number.NaN, 5)
    }
    await runner.close()
  })
})

const GRAPHS = (program: Program) => {
  const { metrics, weights } = graphAtSource(program, 'gradients')
  const places = weights?.places.map((place): [number, number, number] => [...place]) ?? []
  const sha256 = '0'.repeat(64)
  return {
    gradients: {
      key: 'graphs/run/0.onnx',
      sha256,
      metrics: [...metrics],
      ...(weights && { weights: { ...weights, places } }),
    },
  }
}

test('the mean of several gradients is applied, and not their sum (RLlib Flow’s Q1)', async () => {
  const program = programFor('CartPole-v1')
  const size = program.sets['policy']?.initial.length ?? 0
  const norm = async (...values: number[]) => {
    const runner = runnerOf(program)
    const gradient = Float32Array.from({ length: size * values.length }, (_, i) => values[Math.floor(i / size)] ?? 0)
    const metrics = new Float32Array(5 * values.length)
    const columns = {
      gradient: { dtype: 'float32' as const, shape: [values.length, size], data: gradient },
      metrics: { dtype: 'float32' as const, shape: [values.length, 5], data: metrics },
    }
    const given = await runner.call('update', { columns, rates: RATES })
    await runner.close()
    return given.metrics['gradNorm'] ?? 0
  }
  expect(await norm(0.25, 0.75)).toBeCloseTo(await norm(0.5), 5)
  expect(await norm(0.5)).toBeCloseTo(0.5 * Math.sqrt(size), 4)
})
