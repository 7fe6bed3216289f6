import type { Column } from '../../shared/batch/sampleBatch.ts'
import type { HostTensor } from '../tensor/index.ts'

const DTYPES = { F32: 'float32', I32: 'int32', U8: 'uint8' } as const

/** Columns as what graphs are fed, by the same names; those of double precision, which no graph takes, are left out. */
export function hostTensors(columns: Readonly<Record<string, Column>>): Record<string, HostTensor> {
  const tensors: Record<string, HostTensor> = {}
  for (const [name, { dtype, shape, data }] of Object.entries(columns))
    if (dtype !== 'F64') tensors[name] = { dtype: DTYPES[dtype], shape, data: data as Float32Array }
  return tensors
}
