import { add, graphError, mul, shift, type Tensor } from '../tensor/index.ts'

/**
 * x_t = b_t + a_t x_(t+1) along axis 0, with x_T = 0: the recursion of V-trace, GAE and lambda-returns.
 * Doubling (Hillis and Steele 1986): after round k every row holds the composition of the next 2^k rows, so log2(T) rounds are enough.
 *
 * @param a [T, ...] float32
 * @param b [T, ...] float32, of the same shape
 */
export function reverseLinearScan(a: Tensor, b: Tensor): Tensor {
  const rows = b.shape[0]
  if (typeof rows !== 'number')
    throw graphError('reverseLinearScan', 'wants a fixed number of rows', [a.shape, b.shape])
  let factor = a
  let sum = b
  for (let reach = 1; reach < rows; reach *= 2) {
    sum = add(sum, mul(factor, shift(sum, reach)))
    if (2 * reach < rows) factor = mul(factor, shift(factor, reach))
  }
  return sum
}
