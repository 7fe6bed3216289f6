import {
  type Graph,
  PolicyTemplate,
  type Tensor,
  type Uniform,
  concat,
  flattenAll,
  initialWeights,
  input,
  inputsOf,
  layoutOf,
  packGraph,
  reshape,
  substitute,
  unflatten,
} from '../tensor/index.ts'
import { checkProgram, programError } from './check.ts'
import { type GraphDescription, type ProgramDescription, parametersOf, slotsOf } from './describe.ts'
import { gradientOf, minimised } from './minimise.ts'
import type { ParameterSet, Program, ProgramGraph } from './program.ts'

interface Parameters {
  readonly parameters: readonly Tensor[]
  readonly copyOf?: string | undefined
}

export interface CompileOptions {
  /** Of the algorithm. */
  readonly name: string
  /** Draws the initial weights, set after set. */
  readonly uniform: Uniform
  /** Of the generator that shuffles and makes noise. */
  readonly seed: number
}

/**
 * Makes the program of a description: every graph with its gradients and optimizers, every set with its first weights, every policy as
 * an ONNX model.
 *
 * @throws MillraceError E_GRAPH where a name is of nothing, a parameter is in no set, or a graph cannot be built
 */
export function compile(description: ProgramDescription, { name, uniform, seed }: CompileOptions): Program {
  const sets = Object.fromEntries(
    Object.entries(description.sets).map(([set, given]) => [
      set,
      { parameters: parametersOf(given), copyOf: 'copyOf' in given ? given.copyOf : undefined },
    ]),
  )
  const graphs = Object.fromEntries(
    Object.entries(description.graphs).map(([graph, given]) => [graph, graphOf(`${name}.${graph}`, given, sets)]),
  )
  const program: Program = {
    name,
    sets: setsOf(sets, description, uniform),
    graphs,
    calls: description.calls,
    scalars: description.scalars ?? {},
    policies: Object.fromEntries(
      Object.entries(description.policies).map(([policy, { sets: own, inputs, outputs }]) => {
        const parameters = own.flatMap((set) => named(sets, set, 'set').parameters)
        const template = PolicyTemplate.of({ name: 'policy', inputs, outputs }, layoutOf(parameters))
        return [policy, { sets: own, model: template.model }]
      }),
    ),
    seed,
    rewardScale: description.rewardScale ?? 1,
  }
  checkProgram(program)
  return program
}

function setsOf(
  sets: Readonly<Record<string, Parameters>>,
  description: ProgramDescription,
  uniform: Uniform,
): Record<string, ParameterSet> {
  const made: Record<string, ParameterSet> = {}
  for (const [name, { parameters, copyOf }] of Object.entries(sets)) {
    const slots = slotsOf(description, name)
    if (copyOf === undefined) {
      made[name] = { layout: layoutOf(parameters), initial: initialWeights(parameters, uniform), slots }
      continue
    }
    const source = named(sets, copyOf, 'set')
    const shapes = (of: Parameters) => of.parameters.map(({ shape }) => shape.join())
    if (shapes({ parameters }).join(';') !== shapes(source).join(';'))
      throw programError(`set '${name}' is a copy of '${copyOf}', and their parameters differ in shape`)
    made[name] = { layout: layoutOf(parameters), initial: named(made, copyOf, 'set before it').initial.slice(), slots }
  }
  return made
}

function graphOf(
  name: string,
  { minimise = {}, assign = [], gradients = {}, columns = {}, metrics = {} }: GraphDescription,
  sets: Readonly<Record<string, Parameters>>,
): ProgramGraph {
  const flat = new Map(
    Object.entries(sets).map(([set, { parameters }]) => [set, input(`set.${set}`, [layoutOf(parameters).size])]),
  )
  const single = Object.keys(minimise).length === 1
  const outputs: Record<string, Tensor> = {}
  const numbers: Record<string, Tensor> = { ...metrics }
  for (const [set, minimisation] of Object.entries(minimise)) {
    const { parameters } = named(sets, set, `set, which graph '${name}' makes better`)
    const step = minimised(set, { weights: flat.get(set) as Tensor, parameters }, minimisation)
    Object.assign(outputs, step.outputs)
    numbers[single ? 'gradNorm' : `gradNorm_${set}`] = step.gradNorm
  }
  const assigned = assignments(name, assign, sets)
  for (const [set, weights] of Object.entries(assigned)) {
    if (Object.hasOwn(minimise, set))
      throw programError(`graph '${name}' makes the set '${set}' better and assigns in it`)
    outputs[`new.set.${set}`] = weights
  }
  for (const [column, { of, loss }] of Object.entries(gradients)) {
    const { parameters } = named(sets, of, `set, of which graph '${name}' gives the gradient`)
    outputs[`column.${column}`] = gradientOf(loss, parameters)
  }
  for (const [column, tensor] of Object.entries(columns)) outputs[`column.${column}`] = tensor
  const names = Object.keys(numbers)
  if (names.length > 0) outputs['metrics'] = concat(Object.values(numbers).map((x) => reshape(x, [1])))
  const bound = substitute(Object.values(outputs), sliced(flat, sets))
  const graph: Graph = {
    name,
    inputs: inputsOf(bound),
    outputs: Object.fromEntries(Object.keys(outputs).map((key, i) => [key, bound[i] as Tensor])),
  }
  const gives = [...Object.keys(gradients), ...Object.keys(columns)]
  return {
    graph: packGraph(graph),
    metrics: names,
    changes: Object.keys(minimise),
    assigns: Object.keys(assigned),
    gives,
  }
}

/** By set: its whole vector with what is assigned in it. */
function assignments(
  graph: string,
  assign: NonNullable<GraphDescription['assign']>,
  sets: Readonly<Record<string, Parameters>>,
): Record<string, Tensor> {
  const values = new Map(assign)
  const found = Object.entries(sets).filter(([, { parameters }]) => parameters.some((one) => values.has(one)))
  const known = new Set(found.flatMap(([, { parameters }]) => parameters))
  for (const [parameter, value] of values) {
    if (!known.has(parameter)) throw programError(`graph '${graph}' assigns to what is in no set`)
    if (parameter.shape.join() !== value.shape.join())
      throw programError(
        `graph '${graph}' assigns [${value.shape.join(', ')}] to a parameter [${parameter.shape.join(', ')}]`,
      )
  }
  return Object.fromEntries(
    found.map(([set, { parameters }]) => [set, flattenAll(parameters.map((one) => values.get(one) ?? one))]),
  )
}

/** Every parameter as a slice of its set's flat vector. */
function sliced(flat: ReadonlyMap<string, Tensor>, sets: Readonly<Record<string, Parameters>>): Map<Tensor, Tensor> {
  const slices = new Map<Tensor, Tensor>()
  for (const [set, weights] of flat)
    for (const [from, to] of unflatten(weights, sets[set]?.parameters ?? [])) slices.set(from, to)
  return slices
}

function named<T>(of: Readonly<Record<string, T>>, name: string, kind: string): T {
  const found = Object.hasOwn(of, name) ? of[name] : undefined
  if (found !== undefined) return found
  throw programError(`there is no ${kind} called '${name}'; there are ${Object.keys(of).join(', ') || 'none'}`)
}
