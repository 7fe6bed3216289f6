import { AsyncLocalStorage } from 'node:async_hooks'
import { StringDecoder } from 'node:string_decoder'
import type { FunctionOutput } from '../../learner/run/cloud.ts'

const STREAMS = ['stdout', 'stderr'] as const
type Stream = (typeof STREAMS)[number]

/** Of one lease: what was written and has no line end yet. */
type Partial = { readonly shard: number } & Record<Stream, { decoder: StringDecoder; text: string }>

/**
 * What functions write that run in this very process: everything that is written to stdout and stderr, also by `console`, from within
 * `run` goes to the listener in whole lines, and nowhere else. What the rest of the process writes goes where it always does.
 */
export class OwnOutput {
  private readonly listener: (output: FunctionOutput) => void
  private readonly within = new AsyncLocalStorage<Partial>()
  private readonly restore: (() => void)[] = []

  constructor(listener: (output: FunctionOutput) => void) {
    this.listener = listener
    for (const stream of STREAMS) this.watch(stream)
  }

  async run<T>(shard: number, work: () => Promise<T>): Promise<T> {
    const fresh = () => ({ decoder: new StringDecoder(), text: '' })
    const partial: Partial = { shard, stdout: fresh(), stderr: fresh() }
    try {
      return await this.within.run(partial, work)
    } finally {
      for (const stream of STREAMS)
        if (partial[stream].text !== '') this.listener({ shard, stream, text: partial[stream].text })
    }
  }

  close(): void {
    for (const restore of this.restore.splice(0)) restore()
  }

  private watch(stream: Stream): void {
    const target = process[stream]
    // oxlint-disable-next-line typescript/unbound-method -- it is put back as it was
    const write = target.write
    const watched = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const partial = this.within.getStore()
      if (!partial) return Reflect.apply(write, target, [chunk, ...rest]) as boolean
      const callback = rest.find((argument) => typeof argument === 'function')
      this.take(partial, stream, chunk)
      if (callback) process.nextTick(callback)
      return true
    }
    target.write = watched
    this.restore.push(() => {
      if (target.write === watched) target.write = write
    })
  }

  private take(partial: Partial, stream: Stream, chunk: string | Uint8Array): void {
    const held = partial[stream]
    const text = typeof chunk === 'string' ? chunk : held.decoder.write(Buffer.from(chunk))
    const lines = (held.text + text).split('\n')
    held.text = lines.pop() ?? ''
    // Whoever listens may write itself, and is no env.
    this.within.exit(() => {
      for (const line of lines) this.listener({ shard: partial.shard, stream, text: line })
    })
  }
}
