export { type ConvTorsoConfig } from './conv.ts'
export { type MlpTorsoConfig } from './mlp.ts'
export { network, type Network, type NetworkConfig, type OutputConfig } from './network.ts'
export { defaultTorso, torso, type Torso, type TorsoConfig } from './torso.ts'
