import type { Item } from '../item.ts'
import { failed, passed } from '../item.ts'
import { within } from '../context.ts'

const WAIT_MS = 2000

export const queueItem: Item = {
  name: 'queue',
  pass: 'a message that is sent comes back, and is gone when deleted',
  advice: 'deploy the stage again',
  async look(context) {
    const { queue, name, limits } = context
    const body = JSON.stringify({ kind: 'doctor', run: name })
    const sentAt = context.clock.monotonic()
    await queue.send(body)
    let others = 0
    const came = await within(limits.functions, context, async () => {
      const messages = await queue.receive({ max: 10, waitMs: WAIT_MS, signal: context.signal })
      const own = messages.filter((message) => message.body === body)
      others += messages.length - own.length // of a run that is over; they come back, and learners drop them
      await queue.delete(own)
      return own.length > 0 ? context.clock.monotonic() - sentAt : undefined
    })
    if (came === undefined) return failed(`no message within ${limits.functions / 1000} s`)
    return passed(`it came after ${came} ms${others > 0 ? `; ${others} of an earlier run lay before it` : ''}`)
  },
}
