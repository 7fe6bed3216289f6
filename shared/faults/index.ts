export { FAULT_SETS, type FaultSetName } from './names.ts'
export { CALLS, type CallFaults, type FaultInput, FaultSetting, isCalm } from './setting.ts'
export { Faults, faultsOf } from './sets.ts'
