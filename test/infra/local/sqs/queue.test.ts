import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Sqs } from '../../../../infra/local/sqs/sqs.ts'
import type { SqsQueue } from '../../../../infra/local/sqs/queue.ts'
import { type VirtualClock, virtualClock } from '../../../fakes/virtualClock.ts'

const VISIBILITY_S = 1
const MAX_RECEIVES = 2

/** What SQS promises, said the slow way: a list of messages, each with the time at which it can be seen again. */
interface Model {
  now: number
  messages: { body: string; visibleAt: number; receives: number; dead: boolean }[]
}

interface Real {
  readonly clock: VirtualClock
  readonly queue: SqsQueue
  readonly dead: SqsQueue
  /** The newest receipt of every message that was received. */
  readonly receipts: Map<string, string>
}

type Command = fc.AsyncCommand<Model, Real>

class Send implements Command {
  readonly body: string
  readonly delaySeconds: number
  constructor(body: string, delaySeconds: number) {
    this.body = body
    this.delaySeconds = delaySeconds
  }
  check = (model: Readonly<Model>) => model.messages.every(({ body }) => body !== this.body)
  async run(model: Model, { queue }: Real) {
    queue.send({ body: this.body, delaySeconds: this.delaySeconds })
    model.messages.push({ body: this.body, visibleAt: model.now + this.delaySeconds * 1000, receives: 0, dead: false })
  }
  toString = () => `send(${this.body}, delay ${this.delaySeconds} s)`
}

/** Takes everything that is visible: there are never more than ten messages. */
class Receive implements Command {
  check = () => true
  async run(model: Model, { queue, receipts }: Real) {
    const visible = model.messages.filter((message) => !message.dead && message.visibleAt <= model.now)
    for (const message of visible) if (message.receives === MAX_RECEIVES) message.dead = true
    const alive = visible.filter((message) => !message.dead)
    const received = await queue.receive({ max: 10 })
    expect(bodies(received).sort()).toEqual(bodies(alive).sort())
    for (const message of received) {
      const expected = alive.find(({ body }) => body === message.body)
      if (expected === undefined) continue
      expect(message.receiveCount).toBe(++expected.receives)
      expected.visibleAt = model.now + VISIBILITY_S * 1000
      receipts.set(message.body, queue.receiptOf(message))
    }
  }
  toString = () => 'receive'
}

class Delete implements Command {
  readonly pick: number
  constructor(pick: number) {
    this.pick = pick
  }
  check = (model: Readonly<Model>) => model.messages.some(({ receives }) => receives > 0)
  async run(model: Model, { queue, receipts }: Real) {
    const candidates = model.messages.filter(({ receives }) => receives > 0)
    const target = candidates[this.pick % candidates.length]
    if (target === undefined) return
    queue.delete(receipts.get(target.body) ?? '')
    // A handle of the source queue says nothing to the dead-letter queue: what moved there stays.
    if (!target.dead) model.messages.splice(model.messages.indexOf(target), 1)
  }
  toString = () => `delete(${this.pick})`
}

class Pass implements Command {
  readonly ms: number
  constructor(ms: number) {
    this.ms = ms
  }
  check = () => true
  async run(model: Model, { clock }: Real) {
    model.now += this.ms
    await clock.advance(this.ms)
  }
  toString = () => `${this.ms} ms pass`
}

test('whatever is sent, received, deleted and waited for, no message is lost, made up, shown too early or received too often', async () => {
  const commands = [
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0, 0, 0, 5)).map(([n, delay]) => new Send(`m${n}`, delay)),
    fc.constant(new Receive()),
    fc.constant(new Receive()),
    fc.constant(new Pass(1_000)),
    fc.nat(20).map((pick) => new Delete(pick)),
    fc.constantFrom(1, 999, 1_000, 4_999).map((ms) => new Pass(ms)),
  ]
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 60 }), async (list) => {
      const clock = virtualClock()
      const sqs = new Sqs({ clock })
      const dead = sqs.createQueue('dead')
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: MAX_RECEIVES })
      const queue = sqs.createQueue('queue', { RedrivePolicy, VisibilityTimeout: `${VISIBILITY_S}` })
      const model: Model = { now: clock.now(), messages: [] }
      const real: Real = { clock, queue, dead, receipts: new Map() }
      await fc.asyncModelRun(() => ({ model, real }), list)
      const counts = [queue, dead].map((each) => {
        const all = each.describe()
        const names = ['', 'NotVisible', 'Delayed'].map((name) => `ApproximateNumberOfMessages${name}`)
        return names.reduce((sum, name) => sum + Number(all[name]), 0)
      })
      expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(model.messages.length)
      expect(clock.sleeping).toBe(0)
    }),
    { numRuns: 300 },
  )
})

function make(attributes: Record<string, string> = {}): { clock: VirtualClock; queue: SqsQueue } {
  const clock = virtualClock()
  return { clock, queue: new Sqs({ clock }).createQueue('queue', attributes) }
}

const bodies = (messages: readonly { body: string }[]) => messages.map(({ body }) => body)

test('those who wait are served first come, first served, and each message goes to one of them', async () => {
  const { clock, queue } = make()
  const polls = [1, 2, 3].map(() => queue.receive({ max: 1 }, 20_000))
  for (const body of ['a', 'b']) queue.send({ body })
  await clock.advance(20_000)
  expect((await Promise.all(polls)).map(bodies)).toEqual([['a'], ['b'], []])
  expect(clock.sleeping).toBe(0)
})

test('a poll wakes when a delayed message appears and when a hidden one comes back, to the millisecond', async () => {
  const { clock, queue } = make({ VisibilityTimeout: '10' })
  queue.send({ body: 'late', delaySeconds: 5 })
  const arrivals: number[] = []
  const start = clock.now()
  const poll = async () => {
    const [message] = await queue.receive({ max: 1 }, 20_000)
    arrivals.push(clock.now() - start)
    return message
  }
  const first = poll()
  await clock.advance(5_000)
  expect((await first)?.receiveCount).toBe(1)
  const second = poll()
  await clock.advance(20_000)
  expect((await second)?.receiveCount).toBe(2)
  expect(arrivals).toEqual([5_000, 15_000])
})

test('an older receipt deletes nothing once the message was received again', async () => {
  const { clock, queue } = make({ VisibilityTimeout: '1' })
  queue.send({ body: 'twice' })
  const first = queue.receiveNow({ max: 1 }).map((message) => queue.receiptOf(message))[0] ?? ''
  await clock.advance(1_000)
  const second = queue.receiveNow({ max: 1 }).map((message) => queue.receiptOf(message))[0] ?? ''
  queue.delete(first)
  await clock.advance(1_000)
  expect(queue.describe()['ApproximateNumberOfMessages']).toBe('1')
  queue.delete(second)
  expect(queue.receiveNow({ max: 1 })).toEqual([])
})

test('a message past its retention is gone', async () => {
  const { clock, queue } = make({ MessageRetentionPeriod: '60' })
  queue.send({ body: 'old' })
  await clock.advance(60_001)
  expect(queue.receiveNow({ max: 1 })).toEqual([])
})

test('a message in the dead-letter queue says where it came from and starts its count anew', () => {
  const sqs = new Sqs({ clock: virtualClock() })
  const dead = sqs.createQueue('dead')
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: '1' })
  const queue = sqs.createQueue('queue', { RedrivePolicy, VisibilityTimeout: '0' })
  const { id } = queue.send({ body: 'poison' })
  expect(queue.receiveNow({ max: 1 })).toHaveLength(1)
  expect(queue.receiveNow({ max: 1 })).toEqual([])
  expect(dead.receiveNow({ max: 1 })).toMatchObject([{ id, body: 'poison', receiveCount: 1, source: queue.arn }])
})
