export type { Position } from './known.ts'
export { positionOfCode } from './known.ts'
export { showPosition, userTrace } from './stack.ts'
export type { UserTrace } from './stack.ts'
