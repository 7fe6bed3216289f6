export { normalized, type NormalizedOptions } from './normalized.ts'
export { observationStats, type ObservationStats } from './observationStats.ts'
export { valueScale, type ValueScale } from './valueScale.ts'
export { type ConvTorsoConfig } from './conv.ts'
export { type MlpTorsoConfig } from './mlp.ts'
export { network, type Network, type NetworkConfig, type OutputConfig, type TorsoMaker } from './network.ts'
export { defaultTorso, torso, type Torso, type TorsoConfig, type TorsoSettings } from './torso.ts'
export {
  policyValueNetwork,
  type NetworkMaker,
  type NetworkRequest,
  type OwnPolicyValue,
  type PolicyValueSettings,
} from './policyValue.ts'
