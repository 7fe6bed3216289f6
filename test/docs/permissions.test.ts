import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stageArns } from '../../infra/aws/arns.ts'
import {
  evaluatePermissions,
  executionPermissions,
  fallbackEventsPermissions,
  fallbackPermissions,
  learnerPermissions,
  peoplePermissions,
  rolloutPermissions,
  schedulerPermissions,
} from '../../infra/aws/permissions/index.ts'
import type { Statement } from '../../infra/aws/statement.ts'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const [app, stage, region] = ['app', 'stage', 'region']
const arns = stageArns({ app, stage, region, partition: 'aws', account: 'account', bucket: 'bucket' })
const repository = 'arn:aws:ecr:region:account:repository/app-stage-learner'
const template = 'arn:aws:ec2:region:account:launch-template/lt-id'

const roles: readonly [string, readonly Statement[]][] = [
  ['The rollout function', rolloutPermissions(arns)],
  ['The evaluate function', evaluatePermissions(arns)],
  ['The learner on a GPU machine', learnerPermissions(arns, 'gpu')],
  ['The learner on Fargate', learnerPermissions(arns, 'fargate')],
  ['What starts it there', executionPermissions(arns, repository)],
  ['A learner anywhere', learnerPermissions(arns, 'anywhere')],
  ['The dead-man schedules', schedulerPermissions(arns, 'gpu')],
  ['The fallback to machines on demand', fallbackPermissions(arns, template)],
  ['What starts that', fallbackEventsPermissions(arns)],
  ['A person who runs experiments', peoplePermissions(arns, 'gpu')],
]

const statement = ({ actions, resources, conditions = [], reason }: Statement): string => {
  const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ')
  const where = conditions.map(({ variable, values }) => `, where \`${variable}\` is ${code(values)}`).join('')
  return `- ${code(actions)} on ${code(resources)}${where}: ${reason}`
}

test('docs/permissions.md is what is attached, statement by statement, with each one’s reason', async () => {
  const sections = roles.map(([role, statements]) => [`## ${role}`, statements.map(statement).join('\n')].join('\n\n'))
  const page = [
    '# Permissions',
    'Every role of a stage, and every statement of it with its reason: written by `npx vitest run test/docs/permissions.test.ts -u` from what is attached (infra/aws/permissions).',
    ...sections,
  ].join('\n\n')
  await expect(`${page}\n`).toMatchFileSnapshot(join(packageRoot(), 'docs/permissions.md'))
})
