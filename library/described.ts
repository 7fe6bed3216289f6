/** Describes any value in a few words, for an error about a wrong argument: `the number 7`, `an array of 3`, `undefined`. */
export function described(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'undefined'
    case 'string':
      return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'symbol':
      return `the ${typeof value} ${String(value)}`
    case 'function':
      return value.name ? `the function ${value.name}` : 'a function'
    case 'object':
      return value === null ? 'null' : describedObject(value)
  }
}

function describedObject(value: object): string {
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name = (Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: string } } | null)
    ?.constructor?.name
  if (name !== undefined && name !== 'Object') return `a ${name}`
  return `an object with ${Object.keys(value).slice(0, 5).join(', ') || 'no fields'}`
}
