import { describe, expect, test } from 'vitest'
import { evaluateStageCommand } from '../../../cli/commands/evaluateStage.ts'
import { evaluate } from '../../../functions/evaluate.ts'
import { sha256Hex } from '../../../shared/batch/hash.ts'
import { MillraceError } from '../../../shared/errors.ts'
import { type EvaluationRequest, parseEvaluation } from '../../../shared/protocol/evaluation.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { FakeHost } from '../fakeHost.ts'
import { type FakeStage, fakeStage, runningStatus } from './fakeStage.ts'
import { endAtLearner, model } from './results.ts'

type Invoke = (payload: EvaluationRequest) => Promise<unknown>

/** The real function over the same bucket, unless a test answers itself. */
async function play(
  stage: FakeStage,
  { episodes = 100, run = 'a', invoke }: { episodes?: number; run?: string; invoke?: Invoke } = {},
) {
  const host = new FakeHost('/work')
  const requests: EvaluationRequest[] = []
  const parts = {
    openStage: stage.open,
    version: '0.1.0',
    async invoke(functionName: string, payload: EvaluationRequest) {
      expect(functionName).toBe('evaluate')
      requests.push(parseEvaluation(payload))
      const world = { store: stage.store, clock: stage.clock, deadline: Infinity }
      return invoke ? await invoke(payload) : await evaluate(payload, world)
    },
  }
  const options = { folder: run, stage: 'demo', episodes, seed: 7, stochastic: false }
  const outcome = await evaluateStageCommand(options, host, parts).then(
    (exitCode) => ({ exitCode, error: undefined }),
    (error: unknown) => ({ exitCode: undefined, error: error as MillraceError }),
  )
  return { ...outcome, requests, text: host.out.text }
}

describe('millrace evaluate --stage', () => {
  test("the evaluate function plays the run's policy; the line is that of a local evaluation", async () => {
    const stage = fakeStage()
    await endAtLearner(stage, 'a')
    const { exitCode, requests, text } = await play(stage, { episodes: 5 })
    expect(exitCode).toBe(0)
    expect(requests).toMatchObject([
      {
        bucket: 'bucket',
        policy: { key: keys.result('a', 'policy.onnx'), sha256: sha256Hex(model) },
        seed: 7,
        episodes: 5,
      },
    ])
    expect(text).toMatch(/^CartPole-v1, policy version 40 of a, likeliest actions, seed 7\nmean return [\d.]+ ± /)
    expect(text).toContain('over 5 episodes')
  })

  test('many episodes are shared out over at most eight functions, none twice, each with a seed of its own', async () => {
    const stage = fakeStage()
    await endAtLearner(stage, 'a', { ownEnv: true })
    const invoke: Invoke = async ({ episodes, seed }) => ({
      format: 1,
      episodes: Array.from({ length: episodes }, () => ({ return: seed === 7 ? 1 : 0, length: 1 })),
    })
    const { requests, text } = await play(stage, { episodes: 1234, invoke })
    expect(requests.map(({ episodes }) => episodes)).toEqual([155, 155, 155, 155, 155, 155, 155, 149])
    expect(new Set(requests.map(({ seed }) => seed)).size).toBe(8)
    expect(requests[0]?.env.code?.key).toBe(keys.result('a', 'experiment.mjs'))
    expect(text).toContain('over 1,234 episodes')
  })

  test('a run without a policy, another version, an answer that is none: each a sentence', async () => {
    const stage = fakeStage()
    await stage.asked('a', runningStatus('a', 3))
    expect((await play(stage)).error?.message).toMatch(/has no policy to evaluate: it has none until it is over/)
    await endAtLearner(stage, 'a')
    expect((await play(stage, { invoke: async () => ({ ok: 1 }) })).error?.code).toBe('E_EVALUATION')
    const fail = async () => {
      throw new MillraceError('E_INVOKE', 'the function evaluate failed: no such env')
    }
    expect((await play(stage, { invoke: fail })).error?.message).toMatch(/no such env/)
    expect((await play(stage, { run: 'b' })).error?.code).toBe('E_RUN')
  })
})
