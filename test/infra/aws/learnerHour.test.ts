import { expect, test } from 'vitest'
import { learnerHourUsd } from '../../../infra/aws/learnerHour.ts'
import { type StageSettingsInput, settings } from '../../../infra/aws/settings.ts'

const hour = (learner: StageSettingsInput['learner']) =>
  learnerHourUsd(settings({ app: 'ride', region: 'eu-west-1', learner }).learner)

const ADDRESS = 0.005
const disk = (gb: number) => (gb * 0.08) / 730

test.each([
  ['a machine of one’s own', { kind: 'anywhere' }, 0],
  ['Fargate', { kind: 'fargate', vcpu: 4, memoryGb: 8 }, 4 * 0.04048 + 8 * 0.004445 + ADDRESS],
  ['the dearest of its GPU machines', { kind: 'gpu' }, 1.006 + disk(60) + ADDRESS],
  ['a larger disk', { kind: 'gpu', instanceTypes: ['g4dn.xlarge'], diskGb: 500 }, 0.526 + disk(500) + ADDRESS],
  ['a price given', { kind: 'gpu', instanceTypes: ['p4d.24xlarge'], usdPerHour: 33 }, 33 + disk(60) + ADDRESS],
] satisfies [string, StageSettingsInput['learner'], number][])(
  'an hour of a learner on %s costs its machine, its disk and its address',
  (_, learner, usd) => {
    expect(hour(learner)).toBeCloseTo(usd, 12)
  },
)
