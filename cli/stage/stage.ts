import type { ConcurrencyLimit, DeadMan, LearnerGroup, ObjectStore } from '../../shared/cloud/ports.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'

/** A deployed stage as the commands see it: its description, and ports to what they change in it. */
export interface Stage {
  readonly description: StageDescription
  readonly store: ObjectStore
  readonly group: LearnerGroup
  readonly concurrency: ConcurrencyLimit
  readonly deadMan: DeadMan
  /** Messages in the dead-letter queue; undefined where the credentials may not ask. */
  deadLetters(this: void): Promise<number | undefined>
}

/**
 * Finds a stage of the project around a folder.
 * @throws MillraceError E_SETTINGS, E_STAGE, E_CREDENTIALS, E_PERMISSION, E_REGION, E_AWS
 */
export type OpenStage = (stage: string, options: { readonly cwd: string }) => Promise<Stage>

/**
 * Refuses to hand work to a stage of another version: what is uploaded is read by the Millrace that was deployed.
 * @throws MillraceError E_STAGE
 */
export function checkVersion({ stage, millrace }: StageDescription, own: string): void {
  if (millrace === own) return
  throw new MillraceError(
    'E_STAGE',
    `stage ${stage} was deployed by Millrace ${millrace}, and this is ${own}; millrace deploy --stage ${stage} brings it up to date`,
  )
}

/** Commands as a user can type them, wherever this one came from: npm finds a project's own command, and an installed one. */
export const typed = {
  follow: ({ stage }: StageDescription, run: string) => `npx millrace status --stage ${stage} ${run} --follow`,
  stop: ({ stage }: StageDescription, run: string) => `npx millrace stop --stage ${stage} ${run}`,
  learner: ({ stage }: StageDescription) => `npx millrace learner --stage ${stage}`,
  logs: ({ stage }: StageDescription) => `npx millrace logs --stage ${stage} --of learner`,
} as const
