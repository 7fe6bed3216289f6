import { type AnyDefinition, demand } from './operator.ts'
import type { Running } from './running.ts'
import type { Checkpoint, GraphNode, NodeMeasure, Plain, Sharded, Stage } from './types.ts'

export interface NodeSpec {
  readonly operator: string
  readonly params?: Plain
  readonly kind?: GraphNode['kind']
  readonly inputs?: readonly PlanNode[]
  readonly definition?: AnyDefinition
  /** Its path, where that is not the path of its input and its name. */
  readonly path?: string
  /** The queue it writes to; one that it reads from is its input. */
  readonly writes?: PlanNode
  /** How many flows come out of it; 1 unless told. */
  readonly outputs?: number
  /** What a gather of it asks, and through which stages. */
  readonly from?: Sharded<unknown>
  readonly stages?: readonly Stage[]
  /** One item in, one or SKIP out: neighbours of this kind become one loop. */
  readonly step?: (item: unknown, scope: unknown) => unknown
  /** Any other node that runs by itself. It is called when the run starts; nothing may be pulled yet. */
  readonly run?: (running: Running) => AsyncIterator<unknown>
}

type Saved = Checkpoint['nodes'][string]

/** A node of a plan: what it is, which never changes once built, and the state of its latest run. */
export class PlanNode {
  readonly spec: NodeSpec
  readonly path: string
  readonly inputs: readonly PlanNode[]
  state: unknown
  /** Items taken in and not given out: a buffer, what arrived while the plan closed. */
  held: unknown[] = []
  /** Gives items with the shard they came from. */
  zipped = false
  measure = (): NodeMeasure => ({ itemsIn: 0, itemsOut: 0, busyMs: 0, waitedUpstreamMs: 0, waitedDownstreamMs: 0 })
  private consumers = 0

  constructor(spec: NodeSpec, path: string) {
    this.spec = spec
    this.path = path
    this.inputs = spec.inputs ?? []
    this.load()
    for (const input of this.inputs) {
      const once = ++input.consumers <= (input.spec.outputs ?? 1)
      demand(once, `the items of '${input.path}' are taken twice; duplicate(n) them first`, { code: 'E_PLAN_SHAPE' })
    }
  }

  /** Takes up what `save` gave; without, starts fresh. */
  load(saved?: Saved): void {
    const { state, load = structuredClone } = this.spec.definition ?? {}
    this.state = saved === undefined ? state?.() : load(saved.state)
    this.held = structuredClone([...(saved?.held ?? [])])
  }

  /** A deep copy. */
  save(): Saved {
    const save = this.spec.definition?.save ?? ((state) => state)
    return structuredClone({ state: save(this.state), held: this.held })
  }
}
