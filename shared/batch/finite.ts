// Hot path: `!` on typed arrays is fine here.

const EXPONENT_32 = 0x7f800000
const EXPONENT_64 = 0x7ff00000

/**
 * Index of the first NaN or infinity, or -1. Works on the bits: such a number has all exponent bits set, so adding one to
 * the exponent overflows into the sign bit, and one sign test covers the whole array. Integer adds and ors pipeline where a sum
 * of floats waits for each addition.
 */
export function firstNonFinite(data: Float32Array | Float64Array): number {
  const narrow = data instanceof Float32Array
  const bits = new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4)
  if ((narrow ? overflow32(bits) : overflow64(bits)) >= 0) return -1
  return data.findIndex((value) => !Number.isFinite(value))
}

function overflow32(bits: Int32Array): number {
  let seen = 0
  for (let i = 0; i < bits.length; i++) seen |= (bits[i]! & EXPONENT_32) + 0x00800000
  return seen
}

/** The exponent lies in the upper word, the odd one on a little-endian host. */
function overflow64(bits: Int32Array): number {
  let seen = 0
  for (let i = 1; i < bits.length; i += 2) seen |= (bits[i]! & EXPONENT_64) + 0x00100000
  return seen
}
