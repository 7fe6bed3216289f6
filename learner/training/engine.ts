import { z } from 'zod'
import { type Engine, onnxRuntimeEngine, tfjsEngine } from '../tensor/index.ts'

/** What runs a program: settings that every algorithm has. */
export const ENGINE_SETTINGS = {
  engine: z.enum(['onnxruntime', 'tfjs']).default('onnxruntime'),
  threads: z.number().int().min(1).default(1),
}

/** Plain data, so that it crosses to the train worker. */
export interface EngineSetting {
  readonly engine: 'onnxruntime' | 'tfjs'
  /** What onnxruntime runs on; `cpu` if not given. */
  readonly provider?: 'cpu' | 'cuda'
  readonly threads: number
}

/** What a learner's machine can run train graphs with. */
export const ENGINES = ['onnxruntime-cpu', 'onnxruntime-cuda', 'tfjs-node-gpu'] as const
export type EngineName = (typeof ENGINES)[number]

/** The machine's engine, unless the experiment chose another than the one that is everybody's default. */
export function onMachine(setting: EngineSetting, machine: EngineName | undefined): EngineSetting {
  if (machine === undefined || setting.engine !== 'onnxruntime') return setting
  if (machine === 'tfjs-node-gpu') return { ...setting, engine: 'tfjs' }
  return { ...setting, provider: machine === 'onnxruntime-cuda' ? 'cuda' : 'cpu' }
}

export const engineOf = ({ engine, provider = 'cpu', threads }: EngineSetting): Engine =>
  engine === 'tfjs' ? tfjsEngine() : onnxRuntimeEngine({ threads, provider })
