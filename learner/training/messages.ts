import type { Column } from '../../shared/batch/sampleBatch.ts'
import type { TrainState } from '../tensor/index.ts'
import type { Rates } from './learner.ts'

/** What the learner's thread is asked. */
export type TrainRequest =
  | {
      readonly kind: 'train'
      readonly id: number
      readonly columns: Readonly<Record<string, Column>>
      /** Where most columns lie; given back with the answer. */
      readonly memory: ArrayBuffer
      readonly rates: Rates
      readonly wantPolicy: boolean
    }
  | { readonly kind: 'policy'; readonly id: number }
  | { readonly kind: 'save'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number }

/** What it answers, by the id of the request; the initial policy comes unasked, as 0. */
export type TrainResponse =
  | {
      readonly kind: 'done'
      readonly id: number
      readonly metrics: Readonly<Record<string, number>>
      readonly policy: Uint8Array | undefined
      readonly memory: ArrayBuffer | undefined
      /** Of a `save`. */
      readonly state?: TrainState
      /** Time the request took in the worker, ms. */
      readonly busyMs: number
    }
  | { readonly kind: 'failed'; readonly id: number; readonly code: string; readonly message: string }
