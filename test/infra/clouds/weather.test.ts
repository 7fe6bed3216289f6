import { afterEach, expect, test, vi } from 'vitest'
import { stormyWeather } from '../../../infra/clouds/weather.ts'
import { checkFaults } from '../../../learner/stage/runSetting.ts'
import { experiment } from '../../../learner/experiment.ts'
import { impala } from '../../../learner/algorithms/impala.ts'
import { openCloud } from '../../../library/openCloud.ts'
import { faultsOf } from '../../../shared/faults/index.ts'
import { stageOf } from '../../fakes/stageDescription.ts'

afterEach(() => vi.unstubAllEnvs())

test('faults are refused where nothing can inject them: elsewhere, in one process, on a stage', async () => {
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', 'http://127.0.0.1:1')
  expect(() => stormyWeather(faultsOf('storm'))).toThrow(
    'faults are injected by the emulated cloud of this process, and SQS is elsewhere',
  )
  await expect(openCloud({ serial: true, faults: 'storm' })).rejects.toMatchObject({
    code: 'E_USAGE',
    message: expect.stringContaining('with --serial there is none'),
  })
  const stormy = experiment({ env: 'CartPole-v1', algorithm: impala(), faults: 'calm' })
  expect(() => checkFaults(stormy, stageOf())).toThrow(/experiment\.faults: .* stage \S+ has none/)
})
