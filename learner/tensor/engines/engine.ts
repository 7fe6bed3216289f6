import type { Graph } from '../graph.ts'
import type { HostTensor } from '../host.ts'

/** A graph made ready to run. */
export interface LoadedProgram {
  /**
   * Runs the graph once. `feeds` holds every input by name.
   * Outputs named in `into` are written into its arrays (of the right length and type) instead of fresh ones.
   *
   * @throws MillraceError E_ENGINE if a feed is missing or does not fit, or the engine fails
   */
  run(
    feeds: Readonly<Record<string, HostTensor>>,
    into?: Readonly<Record<string, HostTensor>>,
  ): Promise<Record<string, HostTensor>>
  /** Frees what the engine holds for this program. */
  dispose(): Promise<void>
}

/** Something that runs graphs. */
export interface Engine {
  readonly name: string
  /** @throws MillraceError E_ENGINE if the graph cannot be loaded */
  load(graph: Graph): Promise<LoadedProgram>
}
