import type { Column } from '../../shared/batch/sampleBatch.ts'
import type { Where } from '../../shared/errors.ts'
import type { ProgramState } from '../program/index.ts'
import type { TrainOptions } from './learner.ts'

/** What the learner's thread is asked. */
export type TrainRequest =
  | (TrainOptions & {
      readonly kind: 'train'
      readonly id: number
      readonly columns: Readonly<Record<string, Column>>
      /** Where most columns lie; given back with the answer. */
      readonly memory: ArrayBuffer
    })
  | { readonly kind: 'policy'; readonly id: number; readonly name: string }
  | { readonly kind: 'save'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number }

/** What it answers, by the id of the request; that it is made comes unasked, as 0. */
export type TrainResponse =
  | {
      readonly kind: 'done'
      readonly id: number
      readonly metrics: Readonly<Record<string, number>>
      readonly policy: Uint8Array | undefined
      readonly memory: ArrayBuffer | undefined
      /** Of a `save`. */
      readonly state?: ProgramState
      /** Time the request took in the worker, ms. */
      readonly busyMs: number
    }
  | {
      readonly kind: 'failed'
      readonly id: number
      readonly code: string
      readonly message: string
      readonly where: Where
    }
