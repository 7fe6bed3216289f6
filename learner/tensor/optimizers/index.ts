import { adam, type AdamConfig } from './adam.ts'
import { rmsProp, type RmsPropConfig } from './rmsprop.ts'
import { sgd, type SgdConfig } from './sgd.ts'
import type { Optimizer } from './optimizer.ts'

/** An optimizer as plain data. */
export type OptimizerConfig = AdamConfig | RmsPropConfig | SgdConfig

export function optimizer(config: OptimizerConfig): Optimizer {
  if (config.kind === 'rmsprop') return rmsProp(config)
  if (config.kind === 'sgd') return sgd(config)
  return adam(config)
}
