import type { z } from 'zod'
import type { ObjectStore } from '../../shared/cloud/ports.ts'
import { parseJson, parseJsonBytes } from '../../shared/protocol/parseJson.ts'

export const encodeRecord = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** Undefined where the text, or the bytes of one, are no JSON, or do not fit. */
export function parsedOrUndefined<S extends z.ZodType>(schema: S, body: Uint8Array | string): z.output<S> | undefined {
  try {
    return schema.safeParse(typeof body === 'string' ? parseJson(body) : parseJsonBytes(body)).data
  } catch {
    return undefined
  }
}

/** A record of the bucket; undefined where it is absent or cannot be read as one. @throws MillraceError E_STORE */
export async function readRecord<S extends z.ZodType>(
  store: ObjectStore,
  key: string,
  schema: S,
): Promise<z.output<S> | undefined> {
  const found = await store.get(key)
  return found.kind === 'found' ? parsedOrUndefined(schema, found.body) : undefined
}
