import { expect, test } from 'vitest'
import { settings } from '../../../infra/aws/settings.ts'

const least = { app: 'ride', region: 'eu-west-1' }

test('two fields are enough, and then a stage costs nothing at rest: no learner on AWS', () => {
  expect(settings(least)).toMatchObject({
    functions: { concurrency: 50, memoryMb: 1769, architecture: 'arm64', timeoutSeconds: 180, logRetentionDays: 7 },
    learner: { kind: 'anywhere', idleMinutes: 1440, maxHours: 720 },
    heartbeatSeconds: 15,
    checkpointSeconds: 30,
    deadManMinutes: 15,
    keepDays: { checkpoints: 14, results: 365 },
  })
})

test.each([
  [{ ...least, app: 'My App' }, /settings\.app: expected 3 to 24 small letters/],
  [{ ...least, app: 'my--app' }, /settings\.app: expected .* a hyphen between two others/],
  [{ ...least, app: 'a'.repeat(25) }, /settings\.app: expected 3 to 24 small letters/],
  [{ ...least, region: 'Frankfurt' }, /settings\.region: expected a region such as eu-west-1/],
  [
    { ...least, functions: { concurency: 5 } },
    /settings\.functions has no field 'concurency'; did you mean 'concurrency'\?/,
  ],
  [{ ...least, functions: { logRetentionDays: 4 } }, /settings\.functions\.logRetentionDays/],
  [
    { ...least, learner: { kind: 'gpu', instanceTypes: ['a big one'] } },
    /expected an instance type such as g6\.xlarge/,
  ],
  [
    { ...least, learner: { kind: 'fargate', vcpu: 8, memoryGb: 17 } },
    /settings\.learner\.memoryGb: Fargate gives 8 vCPU 16 to 60 GB in steps of 4/,
  ],
  [
    { ...least, learner: { kind: 'gpu', instanceTypes: ['g6.xlarge', 'p4d.24xlarge'] } },
    /settings\.learner\.usdPerHour: Millrace does not know what p4d\.24xlarge costs; say what an hour of the dearest/,
  ],
  [
    { ...least, learner: { kind: 'gpu' }, deadManMinutes: 9 },
    /settings\.deadManMinutes: expected 10 or more where AWS starts the learner/,
  ],
  [{ ...least, learner: { kind: 'fargate' }, deadManMinutes: 2 }, /settings\.deadManMinutes: expected 10 or more/],
  [{ ...least, budget: { usdPerMonth: 20, email: 'me' } }, /settings\.budget\.email/],
])('%j is refused, with the field and what it may be', (input, sentence) => {
  const made = () => settings(input as never)
  expect(made).toThrow(expect.objectContaining({ code: 'E_SETTINGS' }))
  expect(made).toThrow(sentence)
})

test.each([
  [1, 2],
  [4, 8],
  [8, 60],
  [16, 120],
] as const)('Fargate with %i vCPU and %i GB is taken', (vcpu, memoryGb) => {
  expect(settings({ ...least, learner: { kind: 'fargate', vcpu, memoryGb } }).learner).toMatchObject({ vcpu, memoryGb })
})

test('the dead-man of a machine of one’s own may strike after two minutes: nobody has to boot', () => {
  expect(settings({ ...least, deadManMinutes: 2 }).deadManMinutes).toBe(2)
})
