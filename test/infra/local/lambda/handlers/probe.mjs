// One handler with every behaviour the conformance suite asks for, named by the event's `do`.
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

let calls = 0
const environment = `${process.pid}-${process.hrtime.bigint()}`

const behaviours = {
  echo: (event) => event,
  nothing: () => undefined,
  now: () => ({
    now: Date.now(),
    made: new Date().getTime(),
    given: new Date(5).getTime(),
    is: new Date() instanceof Date,
  }),
  count: () => ({ calls: ++calls, environment }),
  context: (_event, context) => ({
    ...context,
    remainingMs: context.getRemainingTimeInMillis(),
    variable: process.env.PROBE,
    inherited: process.env.PROBE_INHERITED,
  }),
  log: (event) => {
    for (let i = 0; i < event.lines; i++) console.log(`line ${i}`, { of: event.lines })
    process.stderr.write('straight to stderr\n')
    return 'logged'
  },
  sleep: async (event) => {
    await sleep(event.ms)
    return { environment }
  },
  spin: () => {
    for (;;);
  },
  stubborn: () => {
    process.on('SIGTERM', () => {})
    for (;;);
  },
  lastWords: (event) => {
    process.once('SIGTERM', () => {
      appendFileSync(event.words, 'told to end\n')
      process.exit(0)
    })
  },
  allocate: async (event) => {
    const held = []
    for (let mb = 0; mb < event.mb; mb += 8) held.push(Buffer.alloc(8 * 1024 * 1024, 1))
    return held.length
  },
  startChild: ({ detached = false }) => spawn('sleep', ['60'], { stdio: 'ignore', detached }).pid,
  big: (event) => 'x'.repeat(event.bytes),
  throw: () => {
    throw new TypeError('thrown at once')
  },
  throwValue: () => {
    throw 'a string'
  },
  reject: async () => {
    await sleep(1)
    throw new RangeError('rejected later')
  },
  circular: () => {
    const loop = {}
    loop.self = loop
    return loop
  },
  exit: (event) => process.exit(event.code),
  unhandled: async () => {
    void Promise.reject(new Error('nobody listens'))
    await sleep(5000)
  },
}

export const handler = async (event, context) => {
  if (event.marker !== undefined) appendFileSync(event.marker, `${context.awsRequestId}\n`)
  return await behaviours[event.do ?? 'echo'](event, context)
}
