import { expect, test } from 'vitest'
import { type LearnerParts, type ServeOptions, learnerCommand } from '../../cli/commands/learner.ts'
import { stageOf } from '../fakes/stageDescription.ts'
import { FakeHost } from './fakeHost.ts'

const hostWith = (engine?: string) =>
  new FakeHost('/project', { env: engine === undefined ? {} : { MILLRACE_ENGINE: engine } })

function parts(serve: LearnerParts['serve'] = async () => undefined) {
  const asked: unknown[] = []
  const served: ServeOptions[] = []
  const all: LearnerParts = {
    loadSettings: async (cwd) => ({ app: `app of ${cwd}`, region: 'eu-west-1' }),
    async findStage(app, stage, { region }) {
      asked.push({ app, stage, region })
      return stageOf()
    },
    async stageByParameter(name) {
      asked.push(name)
      return stageOf()
    },
    async serve(stage, options) {
      served.push(options)
      await serve(stage, options)
    },
  }
  return { all, asked, served }
}

test('the stage is found by the project here, or by the parameter that a container is given', async () => {
  const { all, asked, served } = parts()
  const host = hostWith('onnxruntime-cuda')
  expect(await learnerCommand({ stage: 'demo', once: true }, host, all)).toBe(0)
  expect(await learnerCommand({ parameter: '/millrace/app/demo', once: false }, host, all)).toBe(0)
  expect(asked).toEqual([{ app: 'app of /project', stage: 'demo', region: 'eu-west-1' }, '/millrace/app/demo'])
  expect(served).toMatchObject([
    { once: true, engine: 'onnxruntime-cuda' },
    { once: false, engine: 'onnxruntime-cuda' },
  ])
})

test('neither or both, or an engine that there is not, is wrong usage', async () => {
  const { all, served } = parts()
  const wrong = expect.objectContaining({ code: 'E_USAGE' })
  await expect(learnerCommand({ once: false }, hostWith(), all)).rejects.toThrow(wrong)
  const both = { stage: 'demo', parameter: '/p', once: false }
  await expect(learnerCommand(both, hostWith(), all)).rejects.toThrow(wrong)
  const host = hostWith('onnxruntime-cudo')
  await expect(learnerCommand({ stage: 'demo', once: false }, host, all)).rejects.toThrow(
    /did you mean 'onnxruntime-cuda'/,
  )
  expect(served).toEqual([])
})

test('every line is a line on stdout; the first signal asks for a clean end, the second ends at once', async () => {
  const fake = hostWith()
  const { all } = parts(async (_stage, { signal, log }) => {
    log('serving')
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    log('handed over')
    fake.signal('SIGTERM')
  })
  const running = learnerCommand({ stage: 'demo', once: false }, fake, all)
  await new Promise(setImmediate)
  fake.signal('SIGTERM')
  expect(await running).toBe(0)
  expect(fake.out.text).toBe('serving\nhanded over\n')
  expect(fake.exits).toEqual([143])
  expect(fake.openHandles).toBe(0)
})
