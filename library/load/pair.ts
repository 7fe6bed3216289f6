import { z } from 'zod'

/** A built-in env and an algorithm, in the place of an experiment file. */
export const Pair = z.strictObject({ env: z.string(), algorithm: z.string() })
export type Pair = z.infer<typeof Pair>

/** Where an algorithm's defaults are to stop if nobody says: an experiment without a limit would never end. */
export const PAIR_ENV_STEPS = 1_000_000

/** `MinAtar/Breakout-v1` and `ppo`: `minatar-breakout-ppo`. All versions of an env have one name. */
export const pairName = ({ env, algorithm }: Pair): string =>
  `${env
    .replace(/-v\d+$/, '')
    .replaceAll('/', '-')
    .toLowerCase()}-${algorithm}`
