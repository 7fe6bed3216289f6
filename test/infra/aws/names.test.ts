import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stageNames } from '../../../infra/aws/names.ts'

const letters = 'abcdefghijklmnopqrstuvwxyz'
const name = (first: string, min: number) =>
  fc
    .tuple(
      fc.constantFrom(...first.split('')),
      fc.string({ unit: fc.constantFrom(...`${letters}0123456789-`.split('')), minLength: min - 1, maxLength: 22 }),
      fc.constantFrom(...`${letters}0123456789`.split('')),
    )
    .map((parts) => parts.join('').replaceAll(/-+/g, '-'))
    .filter((made) => made.length > min)
const apps = name(letters, 2)
const stages = name(`${letters}0123456789`, 1)
const regions = fc.constantFrom('us-east-1', 'eu-west-1', 'ap-southeast-2')

const flat = (value: object): string[] =>
  Object.values(value).flatMap((each: unknown) =>
    typeof each === 'object' && each !== null ? flat(each) : String(each),
  )

/** AWS's limits on the length of names. */
const LONGEST = { functions: 64, roles: 64, schedules: 64, queues: 80, cluster: 255 }

test('every name fits into what AWS takes, for every app and stage', () => {
  fc.assert(
    fc.property(apps, stages, regions, (app, stage, region) => {
      const n = stageNames({ app, stage, region })
      for (const each of [n.rolloutFunction, n.evaluateFunction])
        expect(each.length).toBeLessThanOrEqual(LONGEST.functions)
      for (const each of Object.values(n.roles)) expect(each.length).toBeLessThanOrEqual(LONGEST.roles)
      for (const each of [n.scheduleGroup, ...Object.values(n.schedules)])
        expect(each.length).toBeLessThanOrEqual(LONGEST.schedules)
      for (const each of [n.queue, n.deadLetterQueue]) expect(each.length).toBeLessThanOrEqual(LONGEST.queues)
      for (const each of flat(n).filter((text) => !text.startsWith('/')))
        expect(each).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/) // ECR's rule, the strictest
      expect(n.securityGroup).not.toMatch(/^sg-/)
    }),
  )
})

test('two stages of one app share no name, and neither do roles and budgets of one stage in two regions', () => {
  fc.assert(
    fc.property(apps, stages, stages, (app, one, other) => {
      fc.pre(one !== other)
      const region = 'us-east-1'
      const names = new Set(flat(stageNames({ app, stage: one, region })))
      expect(flat(stageNames({ app, stage: other, region })).filter((each) => names.has(each))).toEqual([])
      const ofAccount = (region: string) => {
        const { roles, budget } = stageNames({ app, stage: one, region })
        return [...flat(roles), budget]
      }
      const there = new Set(ofAccount(region))
      expect(ofAccount('eu-west-1').filter((each) => there.has(each))).toEqual([])
    }),
  )
})

test.each(['', 'Demo', 'a_b', '-a', 'a-', 'a--b', 'a'.repeat(25)])(
  "the stage '%s' is refused with what a name may be",
  (stage) => {
    const named = () => stageNames({ app: 'ride', stage, region: 'us-east-1' })
    expect(named).toThrow(expect.objectContaining({ code: 'E_SETTINGS' }))
    expect(named).toThrow(/1 to 24 small letters, digits and hyphens/)
  },
)
