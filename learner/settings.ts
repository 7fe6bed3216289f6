import { z } from 'zod'
import { type ErrorCode, MillraceError, nearestName } from '../shared/errors.ts'

type Issue = z.core.$ZodIssue

/** Parses settings against a strict schema; every complaint in one sentence, with the nearest known name for a typo. */
export function parseSettings<S extends z.ZodType>(
  schema: S,
  input: unknown,
  what: string,
  code: ErrorCode = 'E_EXPERIMENT',
): z.output<S> {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  throw new MillraceError(code, complaints(result.error.issues, schema, what).join('; '))
}

function complaints(issues: readonly Issue[], schema: unknown, what: string): string[] {
  return issues.flatMap((issue) => {
    const path = [what, ...issue.path].join('.')
    const at = schemaAt(schema, issue.path)
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownField(path, key, at))
    if (issue.code !== 'invalid_union') return [`${path}: ${issue.message}`]
    // Of several forms, the one that takes this kind of value at all knows best what is wrong with it.
    const form = issue.errors.findIndex((errors) => !errors.some(isWrongKind))
    const errors = issue.errors[form]
    if (errors) return complaints(errors, at instanceof z.ZodUnion ? at.options[form] : undefined, path)
    return [`${path}: ${issue.errors.flatMap((each) => each.map(({ message }) => message)).join(', or ')}`]
  })
}

const isWrongKind = ({ code, path }: Issue): boolean => code === 'invalid_type' && path.length === 0

function unknownField(path: string, key: string, schema: unknown): string {
  const known = fieldsOf(schema)
  const nearest = nearestName(key, known)
  const hint = nearest ? `; did you mean '${nearest}'?` : known.length > 0 ? `; it has ${known.join(', ')}` : ''
  return `${path} has no field '${key}'${hint}`
}

function fieldsOf(schema: unknown): string[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(fieldsOf)
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
}

/** The schema of a part, without its default. */
function schemaAt(schema: unknown, path: readonly PropertyKey[]): unknown {
  let at = unwrap(schema)
  for (const key of path) at = unwrap(shapeWith(at, String(key))?.[String(key)])
  return at
}

/** The shape with this field, also of one of several forms. */
function shapeWith(schema: unknown, key: string): z.core.$ZodShape | undefined {
  const forms = schema instanceof z.ZodUnion ? schema.options : [schema]
  return forms.filter((form) => form instanceof z.ZodObject).find(({ shape }) => key in shape)?.shape
}

function unwrap(schema: unknown): unknown {
  let at = schema
  while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault || at instanceof z.ZodOptional) at = at.def.innerType
  return at
}

/** A whole number from 1. */
export const count = z.number().int().min(1)

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

/** Settings as data that a file or a hash can hold: a function, such as a network of the user's own, is there by its name. */
export function plainSettings(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const plain = (value: unknown) => (typeof value === 'function' ? `function ${value.name || 'without a name'}` : value)
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, plain(value)]))
}
