import { parentPort, workerData } from 'node:worker_threads'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { TrainRequest, TrainResponse } from './messages.ts'
import { TrainCore, type TrainSetting } from './trainCore.ts'

// The learner's own thread: while it computes, the main thread drains the queue and publishes.

const port = parentPort
if (!port) throw new MillraceError('E_INTERNAL', 'the train worker was not started as a worker thread')

const send = (response: TrainResponse): void => {
  const gifts = response.kind === 'done' ? giftsOf(response) : []
  port.postMessage(
    response,
    gifts.filter((buffer) => buffer !== undefined),
  )
}

function giftsOf({ policy, memory, state }: Extract<TrainResponse, { kind: 'done' }>) {
  const vectors = state ? [state.weights, ...Object.values(state.slots)] : []
  return [policy?.buffer as ArrayBuffer | undefined, memory, ...vectors.map(({ buffer }) => buffer as ArrayBuffer)]
}

const fail = (id: number, error: unknown): void => {
  const code = isMillraceError(error) ? error.code : 'E_ENGINE'
  send({ kind: 'failed', id, code, message: error instanceof Error ? error.message : String(error) })
}

async function serve(core: TrainCore, request: TrainRequest): Promise<void> {
  const { id } = request
  const from = performance.now()
  if (request.kind === 'close') {
    await core.close()
    send({ kind: 'done', id, metrics: {}, policy: undefined, memory: undefined, busyMs: 0 })
    // Ending by itself: a worker that is terminated inside the engine takes the process with it.
    port?.close()
    return
  }
  if (request.kind === 'save') {
    const state = await core.save()
    send({ kind: 'done', id, metrics: {}, policy: undefined, memory: undefined, state, busyMs: 0 })
    return
  }
  const done =
    request.kind === 'train'
      ? await core.train(request, request.rates, request.wantPolicy)
      : { metrics: {}, policy: await core.policy() }
  const memory = request.kind === 'train' ? request.memory : undefined
  send({ kind: 'done', id, ...done, memory, busyMs: performance.now() - from })
}

try {
  const core = new TrainCore(workerData as TrainSetting)
  send({ kind: 'done', id: 0, metrics: {}, policy: core.initialPolicy, memory: undefined, busyMs: 0 })
  let last: Promise<void> = Promise.resolve()
  port.on('message', (request: TrainRequest) => {
    last = last.then(() => serve(core, request)).catch((error: unknown) => fail(request.id, error))
  })
} catch (error) {
  fail(0, error)
}
