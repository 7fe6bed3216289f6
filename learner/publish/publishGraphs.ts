import { sha256Hex } from '../../shared/batch/hash.ts'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import type { LeaseStage } from '../../shared/protocol/lease.ts'
import type { SourceGraph } from '../../shared/protocol/sourceGraph.ts'
import { graphsOf } from '../../shared/stages/index.ts'
import { type Program, graphAtSource } from '../program/index.ts'
import type { Originals } from './originals.ts'
import { putWhole } from './putWhole.ts'

/**
 * Puts the graphs that stages run where functions find them.
 *
 * @returns what leases say of them, by name
 * @throws MillraceError E_GRAPH, E_LEASE, E_STORE
 */
export async function publishGraphs(
  stages: readonly LeaseStage[],
  program: Program,
  to: { readonly run: string; readonly store: ObjectStore; readonly originals: Originals },
): Promise<Record<string, SourceGraph>> {
  const published = graphsOf(stages).map(async (name): Promise<[string, SourceGraph]> => {
    const { bytes, metrics, weights } = graphAtSource(program, name)
    const sha256 = sha256Hex(bytes)
    const key = keys.graph(to.run, sha256)
    to.originals.keepForGood(key, bytes)
    await putWhole(to.store, key, bytes)
    const places = weights?.places.map((place): [number, number, number] => [...place])
    return [name, { key, sha256, metrics: [...metrics], ...(weights && places && { weights: { ...weights, places } }) }]
  })
  return Object.fromEntries(await Promise.all(published))
}
