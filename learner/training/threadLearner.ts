import { Worker } from 'node:worker_threads'
import { type ColumnSpec, type TrainInputs, concatFragments, trainInputs } from '../../shared/batch/index.ts'
import type { SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { type ErrorCode, MillraceError } from '../../shared/errors.ts'
import { DEFAULT_POLICY, type ProgramState } from '../program/index.ts'
import type { Learner, TrainOptions, Trained } from './learner.ts'
import type { TrainRequest, TrainResponse } from './messages.ts'
import { Slab } from './slab.ts'
import type { TrainSetting } from './trainSetting.ts'

const SLAB_ROOM = 64 * 1024

type Done = Extract<TrainResponse, { kind: 'done' }>

interface Waiter {
  readonly resolve: (done: Done) => void
  readonly reject: (error: unknown) => void
}

/** The learner in a worker thread; batches are joined here and their memory handed over. */
export class ThreadLearner implements Learner {
  private readonly worker: Worker
  private readonly waiting = new Map<number, Waiter>()
  private readonly spare: ArrayBuffer[] = []
  private lastId = 0
  private died: unknown
  private readonly columns: readonly ColumnSpec[]
  readonly rewardScale: number
  busyMs = 0

  /**
   * @param file the bundled train worker
   * @param columns what fragments have
   */
  constructor(file: string | URL, setting: TrainSetting, columns: readonly ColumnSpec[]) {
    this.columns = columns
    this.rewardScale = setting.program.rewardScale
    this.worker = new Worker(file, { workerData: setting })
    // That it could not be made is told as the answer to nothing.
    this.waiting.set(0, { resolve: () => undefined, reject: (error) => this.end(error) })
    this.worker.on('message', (response: TrainResponse) => this.receive(response))
    this.worker.on('error', (error) => this.end(error))
    this.worker.on('exit', () => this.end(new MillraceError('E_ENGINE', 'the train worker has ended')))
  }

  async policy(name = DEFAULT_POLICY): Promise<Uint8Array> {
    const { policy } = await this.ask({ kind: 'policy', name })
    if (!policy) throw new MillraceError('E_INTERNAL', 'the train worker gave no policy')
    return policy
  }

  async train(fragments: readonly SampleBatch[], options: TrainOptions): Promise<Trained> {
    const slab = new Slab(this.memoryFor(fragments))
    const { columns } = trainInputs(concatFragments(fragments, this.columns, slab.allocate), slab.allocate)
    const { memory } = slab
    const done = await this.ask({ kind: 'train', columns, memory, ...options }, [...buffersOf(columns).add(memory)])
    this.busyMs += done.busyMs
    if (done.memory) this.spare.push(done.memory)
    return done
  }

  async save(): Promise<ProgramState> {
    const { state } = await this.ask({ kind: 'save' })
    if (!state) throw new MillraceError('E_INTERNAL', 'the train worker gave no state')
    return state
  }

  async close(): Promise<void> {
    if (this.died) return
    const ended = new Promise<void>((resolve) => this.worker.once('exit', () => resolve()))
    await this.ask({ kind: 'close' }).catch(() => undefined)
    await ended
  }

  /** Memory of an earlier batch, or new: columns at their own size and what `trainInputs` adds to them, with some room. */
  private memoryFor(fragments: readonly SampleBatch[]): ArrayBuffer {
    let bytes = 0
    for (const { columns } of fragments) for (const { data } of Object.values(columns)) bytes += data.byteLength
    const spare = this.spare.pop()
    return spare && spare.byteLength >= bytes * 2 ? spare : new ArrayBuffer(bytes * 2 + SLAB_ROOM)
  }

  private async ask(request: OmitId<TrainRequest>, transfer: readonly ArrayBuffer[] = []): Promise<Done> {
    if (this.died) throw this.died
    const id = ++this.lastId
    return await new Promise<Done>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.worker.postMessage({ ...request, id }, [...transfer])
    })
  }

  private receive(response: TrainResponse): void {
    const waiter = this.waiting.get(response.id)
    this.waiting.delete(response.id)
    if (response.kind === 'done') waiter?.resolve(response)
    else waiter?.reject(new MillraceError(response.code as ErrorCode, response.message, response.where))
  }

  private end(error: unknown): void {
    this.died ??= error
    const waiters = [...this.waiting.values()]
    this.waiting.clear()
    for (const { reject } of waiters) reject(this.died)
  }
}

type OmitId<R> = R extends unknown ? Omit<R, 'id'> : never

function buffersOf(columns: TrainInputs['columns']): Set<ArrayBuffer> {
  return new Set(Object.values(columns).map(({ data }) => data.buffer as ArrayBuffer))
}
