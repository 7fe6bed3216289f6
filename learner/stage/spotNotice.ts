import type { Clock } from '../../shared/cloud/ports.ts'

/** AWS gives two minutes' notice and asks that one look this often. */
const POLL_MS = 5_000
const ANSWER_MS = 2_000
/** A token holds six hours at most; it is renewed well before. */
const TOKEN_SECONDS = 21_600
const TOKEN_RENEW_MS = (TOKEN_SECONDS * 1000) / 2

export interface SpotNoticeOptions {
  readonly clock: Clock
  /** AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_DISABLED, AWS's own variables, are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Waits for the notice that this spot instance is to be taken away, as its metadata service gives it (IMDSv2).
 *
 * @returns what was announced, as a sentence; undefined when the signal aborts first, or the service is switched off
 */
export async function spotNotice({ clock, env }: SpotNoticeOptions, signal: AbortSignal): Promise<string | undefined> {
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') return undefined
  const service = (env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] || 'http://169.254.169.254').replace(/\/+$/, '')
  let token: { readonly value: string; readonly at: number } | undefined
  while (!signal.aborted) {
    try {
      if (!token || clock.monotonic() - token.at > TOKEN_RENEW_MS)
        token = { value: await newToken(service), at: clock.monotonic() }
      const answer = await ask(`${service}/latest/meta-data/spot/instance-action`, {
        headers: { 'X-aws-ec2-metadata-token': token.value },
      })
      if (answer.status === 401) token = undefined
      if (answer.status === 200) return noticeOf(answer.text)
    } catch {
      // Not on EC2, or the service does not answer: it is asked again.
    }
    await clock.sleep(POLL_MS, signal)
  }
  return undefined
}

async function newToken(service: string): Promise<string> {
  const headers = { 'X-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) }
  const { status, text } = await ask(`${service}/latest/api/token`, { method: 'PUT', headers })
  if (status !== 200) throw new Error(`no token: HTTP ${status}`)
  return text
}

async function ask(url: string, init: RequestInit): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_MS) })
  return { status: answer.status, text: await answer.text() }
}

/** 404 is no notice; any 200 is one, also where its form is new. */
function noticeOf(text: string): string {
  try {
    const { action, time } = JSON.parse(text) as { readonly action?: unknown; readonly time?: unknown }
    if (typeof action === 'string' && typeof time === 'string') return `spot notice: ${action} at ${time}`
  } catch {
    // told below
  }
  return 'spot notice'
}
