import { type AwsFailure, asMillraceError, awsFailure } from '../awsFailure.ts'
import type { ObjectStore } from '../ports.ts'
import { type Answer, headerOf } from './connection.ts'
import type { Wire } from './wire.ts'

/** A bucket whose reads and plain writes go over `wire`: the SDK takes half a millisecond of CPU for each. Everything else is the other store's. */
export function lightStore(wire: Wire, bucket: string, other: () => Promise<ObjectStore>): ObjectStore {
  const pathOf = (key: string): string => `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
  return {
    list: async (prefix) => await (await other()).list(prefix),
    delete: async (keys) => await (await other()).delete(keys),
    async get(key, { ifNoneMatch, signal } = {}) {
      const headers = ifNoneMatch === undefined ? '' : `if-none-match: ${ifNoneMatch}\r\n`
      const path = pathOf(key)
      const answer = await asking(`cannot read ${key}`, wire.ask({ method: 'GET', path, headers, signal }))
      if (answer.status === 200) return { kind: 'found', body: answer.body, etag: headerOf(answer, 'etag') ?? '' }
      if (answer.status === 304) return { kind: 'notModified' }
      const failure = failureOf(answer)
      if (failure.status === 404 && failure.name !== 'NoSuchBucket') return { kind: 'absent' }
      throw asMillraceError('E_STORE', `cannot read ${key}`, failure)
    },
    async put(key, body, condition) {
      if (condition?.ifAbsent || condition?.ifMatch !== undefined)
        return await (await other()).put(key, body, condition)
      const answer = await asking(`cannot write ${key}`, wire.ask({ method: 'PUT', path: pathOf(key), body }))
      if (answer.status === 200) return headerOf(answer, 'etag') ?? ''
      throw asMillraceError('E_STORE', `cannot write ${key}`, failureOf(answer))
    },
  }
}

async function asking(doing: string, request: Promise<Answer>): Promise<Answer> {
  try {
    return await request
  } catch (cause) {
    throw asMillraceError('E_STORE', doing, awsFailure(cause))
  }
}

/** S3 says no in XML. */
function failureOf({ status, body }: Answer): AwsFailure {
  const text = new TextDecoder().decode(body)
  const named = (element: string) => new RegExp(`<${element}>([^<]*)</${element}>`).exec(text)?.[1]
  const [name, message] = [named('Code') ?? 'UnknownError', named('Message') ?? `HTTP ${status}`]
  return { name, message, status, attempts: 1, cause: undefined }
}
