import { parentPort, workerData } from 'node:worker_threads'
import { MillraceError, isMillraceError } from '../../shared/errors.ts'
import type { TrainRequest, TrainResponse } from './messages.ts'
import { ProgramRunner } from '../program/index.ts'
import { engineOf } from './engine.ts'
import { hostTensors } from './hostTensors.ts'
import type { TrainSetting } from './trainSetting.ts'

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
  const sets = state ? Object.values(state.sets) : []
  const vectors = sets.flatMap(({ weights, slots }) => [weights, ...Object.values(slots)])
  return [policy?.buffer as ArrayBuffer | undefined, memory, ...vectors.map(({ buffer }) => buffer as ArrayBuffer)]
}

const fail = (id: number, error: unknown): void => {
  const { code, where } = isMillraceError(error) ? error : { code: 'E_ENGINE', where: {} }
  send({ kind: 'failed', id, code, message: error instanceof Error ? error.message : String(error), where })
}

const NOTHING = { metrics: {}, policy: undefined, memory: undefined, busyMs: 0 }

async function serve(runner: ProgramRunner, request: TrainRequest): Promise<void> {
  const { id } = request
  const from = performance.now()
  switch (request.kind) {
    case 'close':
      await runner.close()
      send({ kind: 'done', id, ...NOTHING })
      // Ending by itself: a worker that is terminated inside the engine takes the process with it.
      port?.close()
      return
    case 'save':
      send({ kind: 'done', id, ...NOTHING, state: runner.save() })
      return
    case 'policy':
      send({ kind: 'done', id, ...NOTHING, policy: runner.policy(request.name) })
      return
    case 'train': {
      const { call, columns, rates, wantPolicy, memory } = request
      const { metrics } = await runner.call(call, { columns: hostTensors(columns), rates })
      const policy = wantPolicy === undefined ? undefined : runner.policy(wantPolicy)
      send({ kind: 'done', id, metrics, policy, memory, busyMs: performance.now() - from })
    }
  }
}

try {
  const { program, engine, state } = workerData as TrainSetting
  const runner = new ProgramRunner(engineOf(engine), program, state)
  send({ kind: 'done', id: 0, ...NOTHING })
  let last: Promise<void> = Promise.resolve()
  port.on('message', (request: TrainRequest) => {
    last = last.then(() => serve(runner, request)).catch((error: unknown) => fail(request.id, error))
  })
} catch (error) {
  fail(0, error)
}
