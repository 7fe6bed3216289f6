import type { Tf, TfPadding, TfTensor } from '../engines/tf.ts'

interface TfConvOptions {
  readonly strides: readonly [number, number]
  /** Zeros at top, left, bottom and right. */
  readonly pads: readonly [number, number, number, number]
  readonly dilations?: readonly [number, number]
}

/** A convolution with channels last, which is the order that TensorFlow.js has on every backend: x [N, H, W, C], w [kh, kw, C, F]. */
export const tfConvLast =
  (tf: Tf, { strides, pads: [top, left, bottom, right], dilations = [1, 1] }: TfConvOptions) =>
  (x: TfTensor, w: TfTensor): TfTensor => {
    const padding: TfPadding = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]
    return tf.conv2d(tf.pad(x, padding), w, [...strides], 'valid', 'NHWC', [...dilations])
  }
