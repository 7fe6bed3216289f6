import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { ServiceUnderTest } from './serviceUnderTest.ts'

const KIB = 1024

/**
 * What any SQS must do, driven by the unmodified SDK. Times that pass for real (visibility, delay) are one second, and waited for by
 * long polling, never by sleeping.
 */
export function sqsConformance(start: () => Promise<ServiceUnderTest>): void {
  let client: SQSClient
  let stop: () => Promise<void>

  beforeAll(async () => {
    const service = await start()
    stop = () => service.stop()
    client = new SQSClient({
      endpoint: service.endpoint,
      region: 'us-east-1',
      credentials: { ...service.credentials },
    })
  })
  afterAll(async () => {
    client.destroy()
    await stop()
  })

  const create = async (attributes: Record<string, string> = {}, name = `conformance-${randomUUID()}`) => {
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }))
    return QueueUrl ?? ''
  }
  const send = (QueueUrl: string, MessageBody: string, more: Partial<SendMessageCommandInput> = {}) =>
    client.send(new SendMessageCommand({ QueueUrl, MessageBody, ...more }))
  const receive = async (QueueUrl: string, more: Partial<ReceiveMessageCommandInput> = {}) =>
    (await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, ...more }))).Messages ?? []
  const attributes = async (QueueUrl: string) =>
    (await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes ?? {}
  const arn = async (QueueUrl: string) => (await attributes(QueueUrl))['QueueArn'] ?? ''

  describe.concurrent('SQS', () => {
    test('a queue is found by its name, listed by its prefix, and created twice only once', async () => {
      const name = `conformance-${randomUUID()}`
      const url = await create({ VisibilityTimeout: '40' }, name)
      expect(await create({ VisibilityTimeout: '40' }, name)).toBe(url)
      expect((await client.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl).toBe(url)
      expect((await client.send(new ListQueuesCommand({ QueueNamePrefix: name }))).QueueUrls).toEqual([url])
      expect(new URL(url).pathname).toMatch(new RegExp(`/${name}$`))
    })

    test('creating a queue of the same name with other attributes is refused', async () => {
      const name = `conformance-${randomUUID()}`
      await create({ VisibilityTimeout: '40' }, name)
      await expect(create({ VisibilityTimeout: '41' }, name)).rejects.toMatchObject({
        name: expect.stringContaining('QueueNameExists'),
      })
    })

    test('a queue that does not exist is said so by name, also once it was deleted', async () => {
      const url = await create()
      await client.send(new DeleteQueueCommand({ QueueUrl: url }))
      await expect(receive(url)).rejects.toMatchObject({ name: 'QueueDoesNotExist' })
      const missing = client.send(new GetQueueUrlCommand({ QueueName: `missing-${randomUUID()}` }))
      await expect(missing).rejects.toMatchObject({ name: 'QueueDoesNotExist' })
    })

    test('attributes have their defaults and can be set', async () => {
      const url = await create()
      expect(await attributes(url)).toMatchObject({
        VisibilityTimeout: '30',
        DelaySeconds: '0',
        ApproximateNumberOfMessages: '0',
      })
      await client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { VisibilityTimeout: '7' } }))
      expect(await attributes(url)).toMatchObject({ VisibilityTimeout: '7' })
    })

    test('a message arrives as it was sent, whatever its characters, and is gone once deleted', async () => {
      const url = await create()
      const body = '{"π":"\\u0001 \\n","ä":"<&>"}\n\t…'
      const { MessageId } = await send(url, body)
      const [message] = await receive(url)
      expect(message).toMatchObject({ MessageId, Body: body })
      await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle }))
      expect(await attributes(url)).toMatchObject({
        ApproximateNumberOfMessages: '0',
        ApproximateNumberOfMessagesNotVisible: '0',
      })
      await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message?.ReceiptHandle }))
    })

    test('system attributes come when asked for, and only then', async () => {
      const url = await create()
      const before = Date.now()
      await send(url, 'body')
      const [plain] = await receive(url, { VisibilityTimeout: 0 })
      expect(plain?.Attributes).toBeUndefined()
      const [message] = await receive(url, {
        MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
      })
      expect(message?.Attributes?.ApproximateReceiveCount).toBe('2')
      expect(Number(message?.Attributes?.SentTimestamp)).toBeGreaterThanOrEqual(before - 1)
      expect(Number(message?.Attributes?.SentTimestamp)).toBeLessThanOrEqual(Date.now() + 1)
    })

    test('message attributes, binary ones too, survive with a hash that the SDK accepts', async () => {
      const url = await create()
      const blob = Uint8Array.from({ length: 100 * KIB }, (_, i) => (i * 31) & 255)
      const MessageAttributes = {
        kind: { DataType: 'String', StringValue: 'fragment' },
        steps: { DataType: 'Number', StringValue: '640' },
        blob: { DataType: 'Binary.f32', BinaryValue: blob },
      }
      const { MD5OfMessageAttributes } = await send(url, 'body', { MessageAttributes })
      const [message] = await receive(url, { MessageAttributeNames: ['All'] })
      expect(message?.MD5OfMessageAttributes).toBe(MD5OfMessageAttributes)
      expect(message?.MessageAttributes?.['steps']).toMatchObject({ DataType: 'Number', StringValue: '640' })
      expect(Buffer.compare(message?.MessageAttributes?.['blob']?.BinaryValue ?? new Uint8Array(), blob)).toBe(0)
    })

    test('only the message attributes that were asked for come', async () => {
      const url = await create()
      const MessageAttributes = {
        a: { DataType: 'String', StringValue: '1' },
        b: { DataType: 'String', StringValue: '2' },
      }
      await send(url, 'body', { MessageAttributes })
      const [message] = await receive(url, { MessageAttributeNames: ['b'] })
      expect(Object.keys(message?.MessageAttributes ?? {})).toEqual(['b'])
    })

    test('a message of 1 MiB is taken, one byte more is not', async () => {
      const url = await create()
      await send(url, 'x'.repeat(KIB * KIB))
      expect((await receive(url))[0]?.Body?.length).toBe(KIB * KIB)
      await expect(send(url, 'x'.repeat(KIB * KIB + 1))).rejects.toThrow(/1048576|must be shorter/)
    })

    test('an empty queue answers at once without a wait', async () => {
      const url = await create({ ReceiveMessageWaitTimeSeconds: '20' })
      const start = performance.now()
      expect(await receive(url, { WaitTimeSeconds: 0 })).toEqual([])
      expect(performance.now() - start).toBeLessThan(10_000)
    })

    test('a long poll wakes for a message that is sent meanwhile', async () => {
      const url = await create()
      const waiting = receive(url, { WaitTimeSeconds: 20 })
      await attributes(url) // a round trip: the poll was on its way before
      await send(url, 'awake')
      const start = performance.now()
      expect((await waiting)[0]?.Body).toBe('awake')
      expect(performance.now() - start).toBeLessThan(10_000)
    })

    test('a long poll on an empty queue ends after its wait', async () => {
      const url = await create()
      const start = performance.now()
      expect(await receive(url, { WaitTimeSeconds: 1 })).toEqual([])
      expect(performance.now() - start).toBeGreaterThan(950)
    })

    test('a received message is hidden until its visibility timeout, then it comes again with a higher count', async () => {
      const url = await create({ VisibilityTimeout: '1' })
      await send(url, 'again')
      const [first] = await receive(url)
      expect(await receive(url)).toEqual([])
      const [second] = await receive(url, { WaitTimeSeconds: 5, MessageSystemAttributeNames: ['All'] })
      expect(second).toMatchObject({ MessageId: first?.MessageId, Attributes: { ApproximateReceiveCount: '2' } })
      expect(second?.ReceiptHandle).not.toBe(first?.ReceiptHandle)
    })

    test('visibility can be changed: to zero gives the message back at once', async () => {
      const url = await create()
      await send(url, 'back')
      const [message] = await receive(url)
      const ReceiptHandle = message?.ReceiptHandle
      await client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout: 600 }))
      expect(await receive(url)).toEqual([])
      await client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout: 0 }))
      expect((await receive(url))[0]?.Body).toBe('back')
    })

    test('visibility is changed in batches, each entry by itself', async () => {
      const url = await create()
      await send(url, 'one')
      await send(url, 'two')
      const messages = await receive(url)
      const Entries = messages.map(({ ReceiptHandle }, i) => ({ Id: `${i}`, ReceiptHandle, VisibilityTimeout: 0 }))
      const result = await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }))
      expect(result.Successful).toHaveLength(messages.length)
      expect(new Set((await receive(url)).map(({ Body }) => Body))).toEqual(new Set(['one', 'two']))
    })

    test('a delayed message is counted as delayed and comes after its delay', async () => {
      const url = await create()
      await send(url, 'later', { DelaySeconds: 1 })
      expect(await receive(url)).toEqual([])
      expect(await attributes(url)).toMatchObject({ ApproximateNumberOfMessagesDelayed: '1' })
      expect((await receive(url, { WaitTimeSeconds: 5 }))[0]?.Body).toBe('later')
    })

    test('ten messages go out and come back in one request, and are deleted in one', async () => {
      const url = await create()
      const Entries = Array.from({ length: 10 }, (_, i) => ({ Id: `id-${i}`, MessageBody: `body ${i}` }))
      const sent = await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }))
      expect(sent.Successful?.map(({ Id }) => Id)).toEqual(Entries.map(({ Id }) => Id))
      const messages = await receive(url)
      expect(messages).toHaveLength(10)
      expect(new Set(messages.map(({ Body }) => Body))).toEqual(new Set(Entries.map(({ MessageBody }) => MessageBody)))
      const handles = messages.map(({ ReceiptHandle }, i) => ({ Id: `${i}`, ReceiptHandle }))
      const deleted = await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: handles }))
      expect(deleted.Successful).toHaveLength(10)
      expect(await attributes(url)).toMatchObject({ ApproximateNumberOfMessagesNotVisible: '0' })
    })

    test('a batch with no entry, eleven, or an id twice is refused by name', async () => {
      const QueueUrl = await create()
      const entries = (ids: readonly string[]) => ids.map((Id) => ({ Id, MessageBody: 'x' }))
      const batch = (ids: readonly string[]) =>
        client.send(new SendMessageBatchCommand({ QueueUrl, Entries: entries(ids) }))
      await expect(batch([])).rejects.toMatchObject({ name: expect.stringContaining('EmptyBatchRequest') })
      await expect(batch(['a', 'a'])).rejects.toMatchObject({
        name: expect.stringContaining('BatchEntryIdsNotDistinct'),
      })
      const eleven = Array.from({ length: 11 }, (_, i) => `${i}`)
      await expect(batch(eleven)).rejects.toMatchObject({
        name: expect.stringContaining('TooManyEntriesInBatchRequest'),
      })
    })

    test('a batch over 1 MiB in all is refused, though each of its messages fits', async () => {
      const QueueUrl = await create()
      const Entries = ['a', 'b', 'c'].map((Id) => ({ Id, MessageBody: 'x'.repeat(400 * KIB) }))
      const sending = client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
      await expect(sending).rejects.toMatchObject({ name: expect.stringContaining('BatchRequestTooLong') })
    })

    test('one receive gives at most what it asks for', async () => {
      const url = await create()
      for (const body of ['1', '2', '3']) await send(url, body)
      expect(await receive(url, { MaxNumberOfMessages: 2 })).toHaveLength(2)
      await expect(receive(url, { MaxNumberOfMessages: 11 })).rejects.toThrow(/MaxNumberOfMessages/)
    })

    test('a message received maxReceiveCount times goes to the dead-letter queue instead of coming again', async () => {
      const dead = await create()
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: await arn(dead), maxReceiveCount: 2 })
      const url = await create({ RedrivePolicy, VisibilityTimeout: '0' })
      await send(url, 'poison')
      expect(await receive(url)).toHaveLength(1)
      expect(await receive(url)).toHaveLength(1)
      expect(await receive(url)).toEqual([])
      expect((await receive(dead, { WaitTimeSeconds: 1 }))[0]?.Body).toBe('poison')
    })

    test('counts tell visible messages from those in flight, and a purge leaves none', async () => {
      const url = await create()
      for (const body of ['1', '2', '3']) await send(url, body)
      await receive(url, { MaxNumberOfMessages: 1 })
      expect(await attributes(url)).toMatchObject({
        ApproximateNumberOfMessages: '2',
        ApproximateNumberOfMessagesNotVisible: '1',
      })
      await client.send(new PurgeQueueCommand({ QueueUrl: url }))
      expect(await attributes(url)).toMatchObject({ ApproximateNumberOfMessages: '0' })
    })
  })
}
