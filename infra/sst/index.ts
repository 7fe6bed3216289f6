export { Millrace } from './millrace.ts'
