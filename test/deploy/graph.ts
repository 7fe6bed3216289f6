import { type StageArns, stageArns } from '../../infra/aws/arns.ts'
import type { Statement } from '../../infra/aws/statement.ts'
import type { RecordedResource, Recording } from './harness.ts'

/** The account, region and partition that the stand-in for AWS's provider answers with. */
const PLACE = { partition: 'aws', account: '123456789012', region: 'us-east-1' } as const

/** The one resource of a type and logical name, as `aws:sqs/queue:Queue` or, shorter, `sqs.Queue`. @throws Error when there is none */
export function resource({ resources }: Graph, type: string, name: string): RecordedResource {
  const found = resources.filter((each) => each.name === name && short(each.type) === type)
  if (found.length !== 1) throw new Error(`${found.length} resources ${type} ${name}`)
  return found[0]!
}

/** Inputs of a resource. */
export const inputs = (recording: Graph, type: string, name: string): Readonly<Record<string, unknown>> =>
  resource(recording, type, name).inputs

/** `aws:sqs/queue:Queue` as `sqs.Queue`; others in full. */
export const short = (type: string): string => type.replace(/^aws:([^/]+)\/[^:]+:(\w+)$/, '$1.$2')

/** Every resource of AWS's and Docker's, one a line, in order. SST's own components are only frames around them. */
export const inventory = ({ resources }: Graph): string[] =>
  resources
    .filter(({ type }) => /^(aws|docker-build):/.test(type))
    .map(({ type, name }) => `${short(type)} ${name}`)
    .sort()

export function bucketName(recording: Graph): string {
  return String(inputs(recording, 's3.Bucket', 'TrainBucketBucket')['bucket'])
}

/** The ARNs that the permissions should name. */
export const arnsOf = (recording: Graph, app = 'millrace'): StageArns =>
  stageArns({ ...PLACE, app, stage: 'test', bucket: bucketName(recording) })

/** What the checks read of a recording. */
type Graph = Pick<Recording, 'resources'>

interface Statements {
  readonly Statement: readonly {
    readonly Effect: string
    readonly Action?: string | readonly string[]
    readonly Resource?: string | readonly string[]
    readonly Principal?: unknown
    readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }[]
}

/** What a role may do, a line a statement; its trust first. @throws Error for a policy that is attached in any other way */
export function roleLines(recording: Graph, name: string): string[] {
  const { assumeRolePolicy, inlinePolicies, managedPolicyArns } = inputs(recording, 'iam.Role', name)
  if (!Array.isArray(managedPolicyArns) || managedPolicyArns.length > 0) throw new Error(`${name} has managed policies`)
  const trust = (JSON.parse(String(assumeRolePolicy)) as Statements).Statement.map(
    ({ Effect, Action, Principal, Condition }) =>
      `${Effect} ${list(Action)} to ${JSON.stringify(Principal)}${conditions(recording, Condition)}`,
  )
  const policies = inlinePolicies as readonly { readonly policy: string }[]
  return [...trust, ...policies.flatMap(({ policy }) => policyLines(recording, JSON.parse(policy) as Statements))]
}

/** The same of permissions as data. */
export const statementLines = (recording: Graph, statements: readonly Statement[]): string[] =>
  policyLines(recording, {
    Statement: statements.map(({ actions, resources, conditions = [] }) => ({
      Effect: 'Allow',
      Action: actions,
      Resource: resources,
      Condition: Object.fromEntries(conditions.map(({ test, variable, values }) => [test, { [variable]: values }])),
    })),
  })

const policyLines = (recording: Graph, { Statement }: Statements): string[] =>
  Statement.map(
    ({ Effect, Action, Resource, Condition }) =>
      `${Effect} ${list(Action)} on ${plain(recording, list(Resource))}${conditions(recording, Condition)}`,
  )

const list = (value: string | readonly string[] = []): string => [value].flat().join(', ')

function conditions(recording: Graph, block: Statements['Statement'][number]['Condition'] = {}): string {
  const terms = Object.entries(block).flatMap(([test, variables]) =>
    Object.entries(variables).map(([variable, values]) => `${variable} ${test} ${[values].flat().join(' | ')}`),
  )
  return terms.length === 0 ? '' : ` if ${plain(recording, terms.join(' and '))}`
}

/** ARNs without what is the same in all of them. */
const plain = (recording: Graph, text: string): string =>
  text.replaceAll(bucketName(recording), 'BUCKET').replaceAll(/arn:aws:(\w+):(?:us-east-1)?:(?:123456789012)?:/g, '$1:')
