import type { ObjectStore } from '../cloud/ports.ts'
import { MillraceError } from '../errors.ts'
import type { Lease } from '../protocol/lease.ts'
import { GraphSession } from './graphSession.ts'

/** Graphs that are open in this execution environment: each is read and opened once. */
export class Graphs {
  private readonly open = new Map<string, Promise<GraphSession>>()

  /**
   * @param onGet called before an object is read, for the bill
   * @throws MillraceError E_LEASE for a name that the lease does not have, E_GRAPH, E_STORE
   */
  async named(
    { graphs = {} }: Pick<Lease, 'graphs'>,
    name: string,
    { store, onGet }: { readonly store: Pick<ObjectStore, 'get'>; readonly onGet: () => void },
  ): Promise<GraphSession> {
    const graph = Object.hasOwn(graphs, name) ? graphs[name] : undefined
    if (!graph) throw new MillraceError('E_LEASE', `a stage runs the graph '${name}', which its lease does not have`)
    const key = JSON.stringify(graph)
    const known = this.open.get(key)
    if (known) return await known
    onGet()
    const loading = GraphSession.load(graph, store)
    this.open.set(key, loading)
    loading.catch(() => this.open.delete(key))
    return await loading
  }
}
