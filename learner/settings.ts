import { z } from 'zod'
import { MillraceError, nearestName } from '../shared/errors.ts'

/** Parses settings against a strict schema; every complaint in one sentence, with the nearest known name for a typo. */
export function parseSettings<S extends z.ZodType>(schema: S, input: unknown, what: string): z.output<S> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const complaints = result.error.issues.map((issue) => {
    const path = [what, ...issue.path].join('.')
    if (issue.code !== 'unrecognized_keys') return `${path}: ${issue.message}`
    const known = knownKeys(schema, issue.path)
    return issue.keys
      .map((key) => {
        const nearest = nearestName(key, known)
        return `${path} has no field '${key}'${nearest ? `; did you mean '${nearest}'?` : known.length ? `; it has ${known.join(', ')}` : ''}`
      })
      .join('; ')
  })
  throw new MillraceError('E_EXPERIMENT', complaints.join('; '))
}

function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema
  for (const key of path) at = unwrap(at) instanceof z.ZodObject ? (unwrap(at) as z.ZodObject).shape[String(key)] : undefined
  const object = unwrap(at)
  return object instanceof z.ZodObject ? Object.keys(object.shape) : []
}

function unwrap(schema: unknown): unknown {
  let at = schema
  while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault || at instanceof z.ZodOptional) at = at.def.innerType
  return at
}

/** A constant, or a linear schedule over a named clock of the run. */
export const rate = z.union([
  z.number().min(0),
  z.strictObject({
    clock: z.enum(['envSteps', 'trainedSteps', 'updates']),
    from: z.number().min(0),
    to: z.number().min(0),
    over: z.number().positive(),
  }),
])
