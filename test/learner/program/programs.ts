import type { Algorithm, ProgramSizes } from '../../../learner/algorithm.ts'
import { type Program, ProgramRunner, compile } from '../../../learner/program/index.ts'
import { type Engine, onnxRuntimeEngine, seededUniform } from '../../../learner/tensor/index.ts'
import type { PolicySpec } from '../../../shared/policy/spec.ts'

/** A policy of discrete actions. */
export const discrete = (n: number, shape: readonly number[]): PolicySpec => ({
  observation: { shape: [...shape] },
  action: { kind: 'discrete', n },
  distribution: 'categorical',
})

export const programOf = (algorithm: Algorithm, sizes: ProgramSizes, seed = 1): Program =>
  compile(algorithm.program(sizes), { name: algorithm.name, uniform: seededUniform(seed), seed })

export const runnerOf = (program: Program, engine: Engine = onnxRuntimeEngine()): ProgramRunner =>
  new ProgramRunner(engine, program)
