import * as z from 'zod'

/**
 * A list of at most so many items, whose length is looked at before any of them: a schema writes a complaint for every item that is
 * wrong, and thirty thousand of them would block the process for half a second.
 */
export const listOf = <S extends z.ZodType>(item: S, most: number) =>
  z
    .custom<readonly unknown[]>((value) => !Array.isArray(value) || value.length <= most, {
      error: `expected at most ${most} items`,
    })
    .pipe(z.array(item))

/** Fields by name, at most so many, likewise. */
export const recordOf = <K extends z.core.$ZodRecordKey, V extends z.ZodType>(key: K, value: V, most: number) =>
  z
    .custom<Readonly<Record<string, unknown>>>((fields) => !isObject(fields) || hasAtMost(fields, most), {
      error: `expected at most ${most} fields`,
    })
    .pipe(z.record(key, value))

/** Numbers, as many as there are: one complaint for all of them. */
export const numbersOf = (what: string, isOne: (value: unknown) => boolean) =>
  z.custom<number[]>((value) => Array.isArray(value) && value.every(isOne), { error: `expected a list of ${what}` })

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

function hasAtMost(fields: object, most: number): boolean {
  let count = 0
  for (const _ in fields) if (++count > most) return false
  return true
}
