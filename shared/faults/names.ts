/** The sets of faults that have names. */
export const FAULT_SETS = ['calm', 'storm'] as const
export type FaultSetName = (typeof FAULT_SETS)[number]
