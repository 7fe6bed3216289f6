import { oneLine } from '../oneLine.ts'

/** What to do where code misses something of the machine it was written on. */
export const ONLY_HERE =
  'a function gets neither the files nor the variables of your machine: give values in envConfig, and import the data (JSON, text), so that it goes with the code'

/** The sentence for code of an env that loads on the user's machine and not in a function. */
export function failedOnlyThere(id: string, thrown: string): string {
  return `the code of env '${id}' loads on your machine but not in a function: ${oneLine(thrown).replace(/^Error: /, '')}; ${ONLY_HERE}`
}
