import type { Millrace as Declared } from '../aws/component.ts'
import { Millrace } from './millrace.ts'

// What the package declares of the component, held to it: SST's types are not there where a package is used.
const declared: typeof Declared = Millrace

export { declared as Millrace }
