import type { FragmentForm } from '../../shared/batch/index.ts'
import type { CostMeter } from '../../shared/cost/costMeter.ts'
import type { PolicySpec } from '../../shared/policy/spec.ts'
import type { Lease, Pacing, PolicyHash } from '../../shared/protocol/lease.ts'
import type { StagesOfLease } from '../../shared/stages/index.ts'
import type { RolloutSettings } from '../experiment.ts'
import type { Originals } from '../publish/originals.ts'
import type { RunCloud } from '../run/cloud.ts'
import type { Outages } from '../run/outages.ts'
import type { StatePoint } from './exact/savedStates.ts'

export interface SamplerOptions {
  readonly run: string
  readonly cloud: RunCloud
  readonly rollouts: RolloutSettings
  readonly env: Lease['env']
  readonly policy: PolicySpec
  /** What fragments are when they come. */
  readonly form: FragmentForm
  /** What functions do with a fragment, and the graphs that they do it with. */
  readonly stages?: StagesOfLease | undefined
  readonly seed: number
  readonly pacing: Pacing
  /** The newest policy version that functions can know of. */
  readonly newestVersion: () => number
  /** Hashes of the policies from this version on. Only in an exact pace. */
  readonly policyHashes?: ((first: number) => readonly PolicyHash[]) | undefined
  /** Where a run goes on exactly: by shard, how far it is, and from which state that can be stepped. */
  readonly goOn?: { readonly consumed: readonly number[]; readonly points: readonly StatePoint[] } | undefined
  /** Why the run will not repeat bit for bit, though it was to, where that is known before it begins. */
  readonly brokenBecause?: string | undefined
  /** Where the env cannot be saved in an exact pace: fragments of a lease. */
  readonly anewEvery?: number | undefined
  readonly meter: CostMeter
  /** Since when (monotonic ms) what the learner says has reached the bucket; while it does not, never. */
  readonly learnerSpeaksSince: () => number
  readonly outages: Outages
  /** What functions read, to be written again where one finds it damaged. */
  readonly originals?: Pick<Originals, 'writeAgain'> | undefined
  /** Functions have something new to hear in the manifest. */
  readonly onNews?: () => void
  readonly onEvent: (text: string) => void
}
