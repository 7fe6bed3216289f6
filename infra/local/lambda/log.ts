/** Lambda returns the last 4 KB of an invocation's log. */
const TAIL_BYTES = 4096

/** The end of what one invocation wrote, START and REPORT lines included. */
export class LogTail {
  #held: Buffer[] = []
  #bytes = 0

  append(chunk: Buffer): void {
    this.#held.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes > 16 * TAIL_BYTES) this.#trim() // now and then: trimming on every chunk would copy 4 KB a line
  }

  /** Forgets everything: the next invocation's log begins. */
  clear(): void {
    this.#held = []
    this.#bytes = 0
  }

  /** As the header `x-amz-log-result` carries it. */
  base64(): string {
    return this.#trim().toString('base64')
  }

  #trim(): Buffer {
    const tail = Buffer.concat(this.#held).subarray(-TAIL_BYTES)
    this.#held = [tail]
    this.#bytes = tail.length
    return tail
  }
}

export const startLine = (requestId: string) => `START RequestId: ${requestId} Version: $LATEST\n`
export const endLine = (requestId: string) => `END RequestId: ${requestId}\n`

export interface ReportFields {
  readonly requestId: string
  readonly durationMs: number
  readonly billedMs: number
  readonly memoryMb: number
  readonly maxMemoryMb: number
  readonly initMs: number | undefined
  readonly status: 'ok' | 'error' | 'timeout'
  readonly errorType: string | undefined
}

/** The REPORT line, field by field as Lambda writes it; a status is written only for what the platform itself ended. */
export function reportLine(report: ReportFields): string {
  const fields = [
    `REPORT RequestId: ${report.requestId}`,
    `Duration: ${report.durationMs.toFixed(2)} ms`,
    `Billed Duration: ${report.billedMs} ms`,
    `Memory Size: ${report.memoryMb} MB`,
    `Max Memory Used: ${report.maxMemoryMb} MB`,
  ]
  if (report.initMs !== undefined) fields.push(`Init Duration: ${report.initMs.toFixed(2)} ms`)
  if (report.status === 'timeout') fields.push('Status: timeout')
  else if (report.errorType?.startsWith('Runtime.')) fields.push('Status: error', `Error Type: ${report.errorType}`)
  return `${fields.join('\t')}\t\n`
}
