import { StringDecoder } from 'node:string_decoder'
import { z } from 'zod'
import type { FunctionOutput } from '../../learner/run/cloud.ts'
import type { OutputEvent } from '../local/lambda/lambda.ts'

/** A line that does not end is given in pieces of about this many characters. */
const MAX_LINE = 64 * 1024
/** What the runtime puts before a line of `console`: time, request, level. */
const CONSOLE = /^\d{4}-\d\d-\d\dT[\d:.]+Z\t[\w-]+\t(INFO|TRACE|DEBUG|WARN|ERROR)\t/
/** The runtime's own words on a failure, which the run hears of in another way. */
const RUNTIME = /^(Invoke Error|Init Error|Uncaught Exception|Unhandled Promise Rejection) \{"errorType"/
// oxlint-disable-next-line no-control-regex
const ONNXRUNTIME = /^(?:\x1b\[[\d;]*m)*\d{4}-\d\d-\d\d [\d:.]+ \[[VIWEF]:onnxruntime:/

/** One stream of one environment. */
interface Pending {
  readonly stream: OutputEvent['stream']
  readonly decoder: StringDecoder
  payload: Buffer
  lease: LeaseNames
  text: string
}

/**
 * Makes whole lines of the pieces that functions write, each with the shard that its function worked for, where that was one. What was written before the
 * first invocation is left out: the env's code is not there yet, and what speaks is what Millrace is made of (the AWS SDK warns of old
 * versions of Node.js). So is what the runtime and onnxruntime say.
 */
export class FunctionLines {
  private readonly listener: (output: FunctionOutput) => void
  private readonly pending = new Map<string, Pending>()

  constructor(listener: (output: FunctionOutput) => void) {
    this.listener = listener
  }

  add({ environmentId, stream, chunk, payload }: OutputEvent): void {
    if (payload === undefined) return
    const key = `${environmentId} ${stream}`
    let pending = this.pending.get(key)
    if (!pending) {
      pending = { stream, decoder: new StringDecoder(), payload, lease: leaseOf(payload), text: '' }
      this.pending.set(key, pending)
    }
    if (pending.payload !== payload) {
      this.flush(pending)
      pending.payload = payload
      pending.lease = leaseOf(payload)
    }
    const lines = (pending.text + pending.decoder.write(chunk)).split('\n')
    pending.text = lines.pop() ?? ''
    for (const line of lines) this.give(pending, line)
    if (pending.text.length > MAX_LINE) this.flush(pending)
  }

  /** Gives what was written last and has no end. */
  close(): void {
    for (const pending of this.pending.values()) this.flush(pending)
    this.pending.clear()
  }

  private flush(pending: Pending): void {
    const { text } = pending
    pending.text = ''
    if (text !== '') this.give(pending, text)
  }

  private give({ stream, lease }: Pending, line: string): void {
    const level = CONSOLE.exec(line)
    const text = line.slice(level?.[0].length ?? 0).replace(/\r$/, '')
    if ((level?.[1] === 'ERROR' && RUNTIME.test(text)) || ONNXRUNTIME.test(text)) return
    // The runtime writes all of `console` to one stream.
    const written = level && /WARN|ERROR|TRACE/.test(level[1] ?? '') ? 'stderr' : stream
    this.listener({ ...lease, stream: written, text })
  }
}

type LeaseNames = Pick<FunctionOutput, 'run' | 'shard'>

const Names = z.object({ run: z.string().optional(), leases: z.array(z.object({ shard: z.number() })) })

/** Of what a function was given. Which of several shards wrote a line cannot be known. */
function leaseOf(payload: Buffer): LeaseNames {
  try {
    const { run, leases } = Names.parse(JSON.parse(payload.toString()))
    return { run, shard: leases.length === 1 ? leases[0]?.shard : undefined }
  } catch {
    return { shard: undefined } // an evaluation, or a payload that the function refuses
  }
}
