import { MillraceError } from '../../shared/errors.ts'
import type { AnyDefinition } from './operator.ts'
import type { Env, Puller } from './puller.ts'
import type { GraphNode, NodeMeasure, Plain, ResourceKey } from './types.ts'

/** A bounded queue of a plan; made by `plan.queue`. Its contents belong to the checkpoint. */
export interface QueueSlot {
  readonly name: string
  readonly capacity: number
  readonly whenFull: 'block' | 'dropOldest' | 'dropNewest'
  items: unknown[]
}

export interface NodeSpec {
  readonly operator: string
  readonly params?: Plain
  readonly kind?: GraphNode['kind']
  readonly inputs?: readonly PlanNode[]
  readonly definition?: Pick<AnyDefinition, 'state' | 'save' | 'load' | 'uses'>
  /** Its path, where that is not the path of its input and its name. */
  readonly path?: string
  readonly writes?: QueueSlot
  readonly reads?: QueueSlot
  /** How many flows come out of it; 1 unless told. */
  readonly outputs?: number
  /** A node that handles one item at a time; neighbours of this kind become one loop. */
  readonly step?: (node: PlanNode, env: Env) => Step
  /** Any other node. Nodes at a source have neither: their gather runs them. */
  readonly start?: (node: PlanNode, env: Env) => Puller
}

/** One item in, at most one out at a time; see `Chain`. */
export interface Step {
  /** The output for an item, SKIP for none, or a promise of either. */
  push(item: unknown): unknown
  /** The next of several outputs, SKIP when there is none left. */
  more?(): unknown
  /** An output at the end of the input, SKIP when there is none left. */
  flush?(): unknown
  /** True when it wants no more input. */
  finished?(): boolean
  /** Tells the operator that its part of the plan closes. */
  abort?(): void
}

const UNMEASURED: NodeMeasure = { itemsIn: 0, itemsOut: 0, busyMs: 0, waitedUpstreamMs: 0, waitedDownstreamMs: 0 }

/** A node of a plan: what it is (never changes once built), and the state of its latest run. */
export class PlanNode {
  readonly spec: NodeSpec
  readonly path: string
  readonly params: Plain
  readonly inputs: readonly PlanNode[]
  readonly uses: readonly ResourceKey<never>[]
  state: unknown
  measure: () => NodeMeasure = () => UNMEASURED
  private consumers = 0

  constructor(spec: NodeSpec, path: string) {
    this.spec = spec
    this.path = path
    this.params = spec.params ?? null
    this.inputs = spec.inputs ?? []
    this.uses = spec.definition?.uses ?? []
    this.state = spec.definition?.state?.()
    for (const input of this.inputs) input.consume()
  }

  get operator(): string {
    return this.spec.operator
  }

  /** Fresh state, or what a checkpoint kept. */
  reset(saved: { readonly value: unknown } | undefined): void {
    const { state, load } = this.spec.definition ?? {}
    this.state = saved === undefined ? state?.() : load === undefined ? structuredClone(saved.value) : load(saved.value)
  }

  save(): unknown {
    const save = this.spec.definition?.save as ((state: unknown) => unknown) | undefined
    return structuredClone(save === undefined ? this.state : save(this.state))
  }

  private consume(): void {
    if (++this.consumers <= (this.spec.outputs ?? 1)) return
    throw new MillraceError(
      'E_PLAN_SHAPE',
      `the items of '${this.path}' are taken twice; split them with duplicate(n) first`,
      { operator: this.operator, path: this.path },
    )
  }
}

/** The node and everything upstream of it, and what writes the queues it reads, each once, upstream first. */
export function reachable(root: PlanNode, all: readonly PlanNode[]): PlanNode[] {
  const found = new Set<PlanNode>()
  const visit = (node: PlanNode): void => {
    if (found.has(node)) return
    node.inputs.forEach(visit)
    found.add(node)
  }
  visit(root)
  return all.filter((node) => found.has(node))
}
