import type { StageParts } from './parts.ts'

/** The functions' ceiling as the stage has it: a dead-man that struck has set it to 0. @throws MillraceError E_AWS */
export async function reserveCeiling({ limit, stage }: StageParts): Promise<void> {
  if ((await limit.get()) !== stage.concurrency) await limit.set(stage.concurrency)
}
