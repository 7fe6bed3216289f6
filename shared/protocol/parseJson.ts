/** How much JSON is read: characters of text, levels, and values in all. */
export interface JsonLimits {
  readonly characters: number
  readonly depth: number
  readonly values: number
}

/** Of what travels on the queue and of the manifest: SQS takes 1 MiB, a manifest has a number for each of 10,000 shards at most. */
export const MESSAGE_LIMITS: JsonLimits = { characters: 2 << 20, depth: 40, values: 50_000 }
/** Of records in the bucket and of files of a run. */
export const RECORD_LIMITS: JsonLimits = { characters: 16 << 20, depth: 40, values: 200_000 }

const TOO_MUCH = 'it is more JSON than is read: '

/** Did `parseJson` fail for a limit, and not because the text is no JSON? */
export const isTooMuchJson = (cause: unknown): cause is SyntaxError =>
  cause instanceof SyntaxError && cause.message.startsWith(TOO_MUCH)

/** What a failed `parseJson` says of the text, to go on after its name: `is not JSON`, or that it is too much of it. */
export const whyNoJson = (cause: unknown): string =>
  isTooMuchJson(cause) ? `is more JSON than is read: ${cause.message.slice(TOO_MUCH.length)}` : 'is not JSON'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * The data of a JSON text that may come from anywhere. Size and depth are bounded before anything is parsed: half a million brackets
 * would block the process for a fifth of a second. Strings are skipped at memory speed, so that a body in base64 costs nothing.
 *
 * @throws SyntaxError for what is not JSON, or is beyond the limits; the caller names the thing
 */
export function parseJson(text: string, limits: JsonLimits = RECORD_LIMITS): unknown {
  const fault = text.length > limits.characters ? `${text.length} characters` : structureFault(text, limits)
  if (fault !== undefined) throw new SyntaxError(TOO_MUCH + fault)
  return JSON.parse(text)
}

/** The same for bytes. @throws SyntaxError, TypeError for bytes that are not UTF-8 */
export function parseJsonBytes(body: Uint8Array, limits: JsonLimits = RECORD_LIMITS): unknown {
  if (body.byteLength > limits.characters * 3) throw new SyntaxError(`${TOO_MUCH}${body.byteLength} bytes`)
  return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body), limits)
}

function structureFault(text: string, { depth: deepest, values: most }: JsonLimits): string | undefined {
  let depth = 0
  let values = 1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = endOfString(text, i)
      if (i < 0) return undefined // an open string: JSON.parse says so
    } else if (code === COMMA) values++
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      values++
      if (++depth > deepest) return `more than ${deepest} levels`
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--
    if (values > most) return `more than ${most} values`
  }
  return undefined
}

/** Where the string that opens at `from` closes; -1 where it does not. */
function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
  return -1
}
