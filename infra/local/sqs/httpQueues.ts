import { AwsError } from '../awsError.ts'
import type { Sqs } from './sqs.ts'
import { integer, stringList, stringMap, text } from './input.ts'
import { ACCOUNT, queueOf, type SqsOperation } from './wire.ts'

/** Operations on queues. */
export function queueOperations(sqs: Sqs) {
  return {
    CreateQueue: ({ input, origin }) => {
      const { name } = sqs.createQueue(text(input, 'QueueName'), stringMap(input, 'Attributes'))
      return { QueueUrl: urlOf(origin, name) }
    },
    GetQueueUrl: ({ input, origin }) => ({ QueueUrl: urlOf(origin, sqs.queue(text(input, 'QueueName')).name) }),
    ListQueues: ({ input, origin }) => {
      const prefix = input['QueueNamePrefix'] === undefined ? '' : text(input, 'QueueNamePrefix')
      const max = integer(input, 'MaxResults', [1, 1000])
      const token =
        input['NextToken'] === undefined ? '' : Buffer.from(text(input, 'NextToken'), 'base64url').toString()
      const names = sqs
        .listQueues(prefix)
        .map(({ name }) => name)
        .filter((name) => name > token)
      const page = names.slice(0, max ?? 1000)
      const more = max !== undefined && names.length > page.length
      return {
        QueueUrls: page.map((name) => urlOf(origin, name)),
        ...(more && { NextToken: Buffer.from(page.at(-1) ?? '').toString('base64url') }),
      }
    },
    DeleteQueue: ({ input }) => {
      sqs.deleteQueue(queueOf(sqs, input).name)
      return undefined
    },
    PurgeQueue: ({ input }) => {
      queueOf(sqs, input).purge()
      return undefined
    },
    SetQueueAttributes: ({ input }) => {
      queueOf(sqs, input).configure(stringMap(input, 'Attributes'))
      return undefined
    },
    GetQueueAttributes: ({ input }) => {
      const all = queueOf(sqs, input).describe()
      const names = stringList(input, 'AttributeNames')
      if (names.includes('All')) return { Attributes: all }
      const unknown = names.find((name) => !(name in all) && !OPTIONAL.includes(name))
      if (unknown !== undefined) throw new AwsError(400, 'InvalidAttributeName', `Unknown Attribute ${unknown}.`)
      return { Attributes: Object.fromEntries(names.flatMap((name) => (name in all ? [[name, all[name]]] : []))) }
    },
  } satisfies Record<string, SqsOperation>
}

/** Attributes that a queue has only once they were set. */
const OPTIONAL = ['RedrivePolicy', 'RedriveAllowPolicy', 'Policy', 'KmsMasterKeyId', 'KmsDataKeyReusePeriodSeconds']

const urlOf = (origin: string, name: string) => `${origin}/${ACCOUNT}/${name}`
