/** The sets of faults that have names. */
export const FAULT_SETS = ['calm', 'storm', 'all'] as const
export type FaultSetName = (typeof FAULT_SETS)[number]
