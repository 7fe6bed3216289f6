import { type Space, describeSpace } from '../../shared/env/space.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { Algorithm } from '../algorithm.ts'
import { ALGORITHMS } from './index.ts'

/** Names of the built-in algorithms that take actions of a space. */
export const algorithmsFor = ({ kind }: Pick<Space, 'kind'>): readonly string[] =>
  Object.entries(ALGORITHMS).flatMap(([name, make]) => (make().actions.includes(kind) ? name : []))

/** @throws MillraceError E_POLICY_SPEC where an algorithm cannot take the actions of a space, naming those that can */
export function checkActions(algorithm: Pick<Algorithm, 'name' | 'actions'>, space: Space): void {
  if (algorithm.actions.includes(space.kind)) return
  const others = algorithmsFor(space).join(', ') || 'none'
  throw new MillraceError(
    'E_POLICY_SPEC',
    `${algorithm.name} takes ${algorithm.actions.join(' and ')} actions, and this environment's are ${describeSpace(space)}; algorithms that take those: ${others}`,
    { algorithm: algorithm.name },
  )
}
