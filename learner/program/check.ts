import { MillraceError } from '../../shared/errors.ts'
import { bindingOf } from './names.ts'
import type { Program, ProgramGraph } from './program.ts'
import type { Rule } from './rules.ts'

/** Checks that every name in a program is of something. @throws MillraceError E_GRAPH naming what is not */
export function checkProgram(program: Program): void {
  for (const [name, graph] of Object.entries(program.graphs)) checkGraph(program, name, graph)
  for (const [call, rules] of Object.entries(program.calls)) for (const rule of rules) checkRule(program, call, rule)
}

function checkGraph({ sets, scalars }: Program, name: string, { graph }: ProgramGraph): void {
  for (const place of graph.inputs) {
    const input = (graph.nodes[place]?.attributes as { readonly name: string } | undefined)?.name ?? ''
    const binding = bindingOf(input)
    if (!binding)
      throw programError(
        `graph '${name}' has the input '${input}'; make inputs by column(), rate(), noise() or scalarState()`,
      )
    const [of = ''] = binding.of
    const isOfSet = binding.kind === 'set' || binding.kind === 'slot' || binding.kind === 'step'
    if (isOfSet && !Object.hasOwn(sets, of))
      throw programError(`graph '${name}' wants the set '${of}', which there is not`)
    if (binding.kind === 'scalar' && !Object.hasOwn(scalars, of))
      throw programError(`graph '${name}' wants the scalar '${of}', which has no first value`)
  }
}

function checkRule({ graphs, sets, scalars }: Program, call: string, rule: Rule): void {
  if ('run' in rule) {
    if (!Object.hasOwn(graphs, rule.run))
      throw programError(`call '${call}' runs '${rule.run}', which is no graph of it`)
    return
  }
  if ('copy' in rule) {
    for (const set of [rule.copy, rule.into])
      if (!Object.hasOwn(sets, set)) throw programError(`call '${call}' copies the set '${set}', which there is not`)
    if (sets[rule.copy]?.initial.length !== sets[rule.into]?.initial.length)
      throw programError(`call '${call}' copies '${rule.copy}' into '${rule.into}', which has another size`)
    return
  }
  if (!Object.hasOwn(scalars, rule.adapt))
    throw programError(`call '${call}' adapts '${rule.adapt}', which has no first value`)
}

/** A description, or a program, in which something is named that there is not, or does not fit. */
export const programError = (what: string): MillraceError => new MillraceError('E_GRAPH', `program: ${what}`)
