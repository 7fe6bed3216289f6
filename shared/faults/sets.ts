import * as z from 'zod'
import { FAULT_SETS, type FaultSetName } from './names.ts'
import { type FaultInput, FaultSetting } from './setting.ts'

const STORM = {
  crash: { beforeSends: 0.03, duringSends: 0.04, afterSends: 0.03 },
  calls: { '*': { throttle: 0.025, error: 0.025 } },
  messages: { duplicate: 0.05, redeliver: 0.05, corrupt: 0.01 },
  objects: { corrupt: 0.01 },
  outage: { everyMs: 60_000, forMs: 10_000 },
}

const SETS = {
  /** No fault at all: what is counted is what happens anyway. */
  calm: {},
  /** 10% crashes, 10% duplicates, 5% throttles and 5xx on every kind of call, 1% corrupt bodies, an outage of 10 s a minute. */
  storm: STORM,
  /** Every fault that there is: the storm, functions that run out of time or memory, slow and broken calls, late messages, wrong clocks. */
  all: {
    ...STORM,
    timeout: 0.03,
    outOfMemory: 0.03,
    calls: { '*': { throttle: 0.025, error: 0.025, slow: 0.05, dropBefore: 0.01, dropAfter: 0.01 } },
    messages: { ...STORM.messages, delay: 0.05, reorder: 0.1 },
    clockSkew: { rate: 0.3, ms: 120_000 },
  },
} satisfies Record<FaultSetName, FaultInput>

const { shape } = FaultSetting

/** `faults` of an experiment: the name of a set, a set from another seed, or a setting. */
export const Faults = z.union([
  z.enum(FAULT_SETS),
  z.strictObject({ set: z.enum(FAULT_SETS), seed: shape.seed, elapsedMs: shape.elapsedMs }),
  FaultSetting,
])
export type Faults = z.infer<typeof Faults>

/** The setting that is meant. */
export function faultsOf(faults: Faults): FaultSetting {
  if (typeof faults === 'string') return FaultSetting.parse(SETS[faults])
  if (!('set' in faults)) return faults
  const { set, seed, elapsedMs } = faults
  return FaultSetting.parse({ ...SETS[set], seed, elapsedMs })
}
