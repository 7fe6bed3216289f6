// A whole run on the emulated cloud, into whose queue a stranger sends what must not be trained on. Needs dist/.
import { GetQueueUrlCommand, ReceiveMessageCommand, type SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs'
import { expect, test, vi } from 'vitest'
import cartpole from '../../examples/cartpole.ts'
import { emulatedRunCloud } from '../../infra/clouds/emulated.ts'
import { names } from '../../infra/clouds/names.ts'
import { newCredentials } from '../../infra/local/door/guard.ts'
import { withOverrides } from '../../learner/experiment.ts'
import type { UpdateLine } from '../../learner/run/observer.ts'
import type { RunCloud } from '../../learner/run/cloud.ts'
import { type TrainResult, train } from '../../learner/run/service.ts'
import { openFragment, packFragment, toMessage } from '../../shared/batch/index.ts'
import type { Provenance, SampleBatch } from '../../shared/batch/sampleBatch.ts'
import { sqsClient } from '../../shared/cloud/index.ts'
import type { QueueMessage } from '../../shared/cloud/ports.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { type FragmentMessage, parseMessage } from '../../shared/protocol/message.ts'

const RUN = 'poisoned'
const experiment = withOverrides(cartpole, { 'stop.envSteps': '60000' })
interface Heard {
  readonly result: TrainResult
  readonly lines: readonly UpdateLine[]
  readonly warnings: readonly string[]
}

async function trained(cloud: RunCloud): Promise<Heard> {
  const lines: UpdateLine[] = []
  const warnings: string[] = []
  const observer = {
    onUpdate: (line: UpdateLine) => void lines.push(line),
    onEvent: ({ text }: { readonly text: string }) => void warnings.push(text),
  }
  return { result: await train(experiment, { run: RUN, cloud, observer }), lines, warnings }
}

/** Every kind of message that must be refused, made from a real one and with its number. */
async function badMessages(message: QueueMessage, { cloud, real }: { cloud: RunCloud; real: FragmentMessage }) {
  const fragment = await openFragment(real, cloud.store)
  const text = async (batch: SampleBatch): Promise<string> =>
    (await toMessage(packFragment(batch, { compress: false }), cloud.store, real.token)).text
  const as = (provenance: Partial<Provenance>, columns = fragment.columns): SampleBatch => {
    return { ...fragment, provenance: { ...fragment.provenance, ...provenance }, columns }
  }
  const { shard, lease, sequence } = real
  const flipped = JSON.parse(await text(as({}))) as { body: { base64: string } }
  const bytes = Buffer.from(flipped.body.base64, 'base64')
  bytes[bytes.length >> 1]! ^= 1
  flipped.body.base64 = bytes.toString('base64')
  const rewards = Float32Array.from(fragment.columns['rewards']?.data ?? [])
  rewards[3] = Number.NaN
  const poisoned = { ...fragment.columns, rewards: { ...fragment.columns['rewards']!, data: rewards } }
  const key = keys.batch(RUN, shard, lease, sequence)
  return {
    flipped: JSON.stringify(flipped),
    notANumber: await text(as({}, poisoned)),
    foreign: await text(as({ run: 'another-run' })),
    notJson: 'ceci n’est pas un batch',
    missing: JSON.stringify({ ...real, body: { in: 'bucket', key } }),
    neverAsked: await text(as({ lease: 'forged' })),
    farAhead: await text(as({ sequence: 1e12 })),
    // Last: of those with its number it is the first good one, and the real one is the duplicate.
    duplicate: message.body,
  }
}

/** The cloud, whose queue gets bad messages in the place of its third delivery, which comes after them and must still get through. */
function poisonedCloud(cloud: RunCloud, sqs: SQSClient) {
  const sent: Record<string, string> = {}
  const deleted = new Set<string>()
  let deliveries = 0
  let late: QueueMessage | undefined
  let bad = 0
  const receive: RunCloud['queue']['receive'] = async (options) => {
    const messages = await cloud.queue.receive(options)
    const [message] = messages
    const real = message && parseMessage(message.body)
    if (message && real?.kind === 'fragment' && ++deliveries === 3) {
      for (const [kind, MessageBody] of Object.entries(await badMessages(message, { cloud, real }))) {
        const answer = await sqs.send(new SendMessageCommand({ QueueUrl: cloud.queueUrl, MessageBody }))
        sent[kind] = answer.MessageId ?? ''
      }
      late = message
      return messages.slice(1)
    }
    bad += messages.filter(({ id }) => Object.values(sent).includes(id)).length
    if (late === undefined || bad < Object.keys(sent).length) return messages
    const all = [...messages, late]
    late = undefined
    return all
  }
  const remove: RunCloud['queue']['delete'] = async (messages) => {
    for (const { id } of messages) deleted.add(id)
    await cloud.queue.delete(messages)
  }
  return { cloud: { ...cloud, queue: { ...cloud.queue, receive, delete: remove } }, sent, deleted }
}

async function deadLetters(sqs: SQSClient): Promise<{ body: string; reason: string }[]> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: names.deadLetterQueue }))
  const input = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0, MessageAttributeNames: ['All'] }
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(input))
  return Messages.map(({ Body = '', MessageAttributes }) => {
    return { body: Body, reason: MessageAttributes?.['reason']?.StringValue ?? '' }
  })
}

test('no duplicate, corrupt or foreign batch reaches training: each is counted and put away, and the policy is the same bit for bit', async () => {
  const clean = await emulatedRunCloud()
  const unharmed = await trained(clean)
  await clean.close()

  // A pair of an emulated cloud in AWS's variables is what the next one is opened by.
  const credentials = newCredentials()
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey)
  const emulated = await emulatedRunCloud()
  vi.unstubAllEnvs()
  const sqs = sqsClient({ localEndpoint: new URL(emulated.queueUrl).origin, credentials })
  try {
    const { cloud, sent, deleted } = poisonedCloud(emulated, sqs)
    const { result, lines, warnings } = await trained(cloud)
    const { reason, progress } = result.summary
    expect(reason).toBe('envSteps')
    expect(progress.envSteps).toBe(unharmed.result.summary.progress.envSteps)
    const { duplicate, ...dropped } = progress.dropped
    expect(dropped).toEqual({ stale: 0, corrupt: 4, foreign: 3, envSteps: 0 })
    // The real one; and where a function was sent out before the good copy was looked at, what it made again.
    expect([1, 2]).toContain(duplicate)
    for (const { meanReturn, metrics } of lines)
      expect([meanReturn ?? 0, ...Object.values(metrics)].every(Number.isFinite)).toBe(true)

    const letters = await deadLetters(sqs)
    expect(letters.map((letter) => letter.reason).toSorted()).toEqual([
      expect.stringMatching(/^a body has SHA-256 [0-9a-f]+, its message promises /),
      expect.stringMatching(/^a message points at batches\/poisoned\/.+, which is not there$/),
      expect.stringMatching(/^a queue message is not JSON$/),
      expect.stringMatching(/^it belongs to run another-run$/),
      expect.stringMatching(/^nobody asked for it: fragment 1000000000000 of lease/),
      expect.stringMatching(/^nobody asked for it: lease forged was never given out to shard/),
      expect.stringMatching(/rewards.*NaN/),
    ])
    expect(warnings).toHaveLength(7)
    expect(deleted).toContain(sent['duplicate'])

    expect(unharmed.result.summary.progress.dropped).toMatchObject({ duplicate: 0, corrupt: 0, foreign: 0 })
    expect(Buffer.from(result.policy).equals(Buffer.from(unharmed.result.policy))).toBe(true)
  } finally {
    sqs.destroy()
    await emulated.close()
  }
})
