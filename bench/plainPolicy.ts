// Typed-array reads use `!`: every index is below the sizes made here.

/** A tanh network with categorical sampling in plain JavaScript loops: what a rollout would cost without a native engine. */
export class PlainPolicy {
  private readonly weights: Float32Array[]
  private readonly layers: Float32Array[]
  private readonly sizes: readonly number[]
  private readonly batch: number

  constructor(sizes: readonly number[], batch: number) {
    this.sizes = sizes
    this.batch = batch
    this.weights = sizes
      .slice(1)
      .map((outputs, i) => new Float32Array(outputs * sizes[i]!).map((_, k) => Math.sin(k) * 0.1))
    this.layers = sizes.slice(1).map((outputs) => new Float32Array(outputs * batch))
  }

  sample(observations: Float32Array, actions: Int32Array): void {
    let input = observations
    for (let i = 0; i < this.weights.length; i++) {
      this.dense(input, i)
      input = this.layers[i]!
    }
    for (let row = 0; row < this.batch; row++) {
      const p = 1 / (1 + Math.exp(input[2 * row]! - input[2 * row + 1]!))
      actions[row] = Math.random() < p ? 1 : 0
    }
  }

  private dense(input: Float32Array, layer: number): void {
    const [inputs, outputs] = [this.sizes[layer]!, this.sizes[layer + 1]!]
    const weights = this.weights[layer]!
    const out = this.layers[layer]!
    const last = layer === this.weights.length - 1
    for (let row = 0; row < this.batch; row++) {
      for (let o = 0; o < outputs; o++) {
        let sum = 0
        for (let k = 0; k < inputs; k++) sum += input[row * inputs + k]! * weights[o * inputs + k]!
        out[row * outputs + o] = last ? sum : Math.tanh(sum)
      }
    }
  }
}
