import type { Column } from '../../shared/batch/sampleBatch.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { HostTensor } from '../tensor/index.ts'

const DTYPES = { F32: 'float32', I32: 'int32', U8: 'uint8' } as const

/** Columns as what graphs are fed, by the same names; those of double precision, which no graph takes, are left out. */
export function hostTensors(columns: Readonly<Record<string, Column>>): Record<string, HostTensor> {
  const tensors: Record<string, HostTensor> = {}
  for (const [name, { dtype, shape, data }] of Object.entries(columns))
    if (dtype !== 'F64') tensors[name] = { dtype: DTYPES[dtype], shape, data: data as Float32Array }
  return tensors
}

/** What a graph gave, as a column. @throws MillraceError E_BATCH_SHAPE for a dtype that columns do not have */
export function columnFrom(name: string, { dtype, shape, data }: HostTensor): Column {
  if (dtype === 'float32') return { dtype: 'F32', shape, data: data as Float32Array }
  if (dtype === 'int32') return { dtype: 'I32', shape, data: data as Int32Array }
  if (dtype === 'uint8') return { dtype: 'U8', shape, data: data as Uint8Array }
  throw new MillraceError('E_BATCH_SHAPE', `column ${name} is ${dtype}, which no column can be`, { column: name })
}
