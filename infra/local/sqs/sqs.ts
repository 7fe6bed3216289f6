import { systemClock } from '../../../shared/cloud/clock.ts'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import type { MessageFaults } from '../faults/faults.ts'
import type { Attributes } from './attributes.ts'
import { SqsQueue } from './queue.ts'

/** SQS in memory: standard queues by name. */
export class Sqs {
  readonly clock: Clock
  private readonly queues = new Map<string, SqsQueue>()

  private readonly faults: MessageFaults | undefined

  constructor(options: { clock?: Clock; faults?: MessageFaults | undefined } = {}) {
    this.clock = options.clock ?? systemClock
    this.faults = options.faults
  }

  /**
   * Gives back the queue of this name if it is there with the same attributes.
   * @throws AwsError InvalidParameterValue, QueueNameExists, and what `configure` throws
   */
  createQueue(name: string, attributes: Attributes = {}): SqsQueue {
    if (!/^[\w-]{1,80}$/.test(name)) {
      const why = 'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length'
      throw new AwsError(400, 'InvalidParameterValue', why)
    }
    const existing = this.queues.get(name)
    if (existing !== undefined) {
      const current = existing.describe()
      const differing = Object.keys(attributes).find((key) => attributes[key] !== current[key])
      if (differing === undefined) return existing
      throw new AwsError(
        400,
        'QueueNameExists',
        `A queue already exists with the same name and a different value for attribute ${differing}`,
      )
    }
    const byArn = (arn: string) => this.queues.get(arn.slice(arn.lastIndexOf(':') + 1))
    const queue = new SqsQueue(name, { clock: this.clock, deadLetterQueue: byArn, faults: this.faults })
    queue.configure(attributes)
    this.queues.set(name, queue)
    return queue
  }

  /** @throws AwsError QueueDoesNotExist */
  queue(name: string): SqsQueue {
    const queue = this.queues.get(name)
    if (queue === undefined) throw new AwsError(400, 'QueueDoesNotExist', 'The specified queue does not exist.')
    return queue
  }

  listQueues(prefix = ''): readonly SqsQueue[] {
    return [...this.queues.values()]
      .filter(({ name }) => name.startsWith(prefix))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws AwsError QueueDoesNotExist */
  deleteQueue(name: string): void {
    this.queue(name).close()
    this.queues.delete(name)
  }

  close(): void {
    for (const queue of this.queues.values()) queue.close()
  }
}
