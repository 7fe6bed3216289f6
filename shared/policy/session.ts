import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-node'
import { MillraceError } from '../errors.ts'
import { MODEL_INPUT, MODEL_OUTPUTS, MODEL_VALUE, observationArray, outputsOf } from './spec.ts'
import type { PolicySpec } from './spec.ts'

/**
 * A small model is served for a few hundred runs before the next version comes: there `basic` wins, as it makes a session in
 * half the time and its runs are 3% slower. From this size on (convolutions) fusing and layout pay for themselves.
 */
const OPTIMIZE_FULLY_FROM_BYTES = 256 * 1024

/** Bytes where the specification says so, else float32. */
export type Observations = Float32Array | Uint8Array

/**
 * A published policy, ready to run over one batch again and again: observations in, the parameters of a distribution out, both in buffers that stay.
 * `bind` makes it read a VectorEnv's own observations, so nothing is copied on the way in.
 */
export class PolicySession {
  readonly spec: PolicySpec
  /** [B, ...D] what `run` reads. */
  observations: Observations
  /** [B, P] what `run` writes: logits, or means and log standard deviations. */
  outputs: Float32Array
  private readonly runtime: { readonly Tensor: TensorConstructor }
  private readonly session: InferenceSession
  private readonly feeds: Record<string, Tensor> = {}
  private readonly fetches: Record<string, Tensor> = {}
  private running: Promise<unknown> | undefined
  private released = false
  private ownsModel = true

  private constructor(runtime: { readonly Tensor: TensorConstructor }, session: InferenceSession, spec: PolicySpec) {
    this.runtime = runtime
    this.session = session
    this.spec = spec
    this.observations = new Float32Array(0)
    this.outputs = new Float32Array(0)
  }

  /**
   * Opens a model and checks its inputs and outputs against the specification.
   *
   * @param model the bytes of an ONNX model
   * @param batch the number of rows B, or the buffer of B observations to read from (see `bind`)
   * @throws MillraceError E_POLICY_MODEL
   */
  static async load(model: Uint8Array, spec: PolicySpec, batch: number | Observations): Promise<PolicySession> {
    // Not at the top: whoever only wants the types or the spec should not load a native library.
    const runtime = await import('onnxruntime-node')
    let session: InferenceSession
    try {
      session = await runtime.InferenceSession.create(model, {
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: model.length < OPTIMIZE_FULLY_FROM_BYTES ? 'basic' : 'all',
      })
    } catch (cause) {
      throw new MillraceError(
        'E_POLICY_MODEL',
        `a policy of ${model.length} bytes cannot be opened: ${String(cause)}`,
        {},
        { cause },
      )
    }
    try {
      checkModel(session, spec)
      const policy = new PolicySession(runtime, session, spec)
      const { observation } = spec
      const rows = typeof batch === 'number' ? observationArray(observation, batch * observationSize(spec)) : batch
      return policy.bind(rows)
    } catch (error) {
      await session.release()
      throw error
    }
  }

  /** Another user of the same model, to be bound to buffers of its own. Releasing it leaves the model open. */
  twin(): PolicySession {
    const twin = new PolicySession(this.runtime, this.session, this.spec)
    twin.ownsModel = false
    return twin
  }

  /** Number of rows B. */
  get batch(): number {
    return this.observations.length / observationSize(this.spec)
  }

  /**
   * Reads from this buffer from now on, in place: [B, ...D] for any B >= 1.
   *
   * @throws MillraceError E_POLICY_MODEL when it does not hold whole observations, or bytes for float32
   */
  bind(observations: Observations): this {
    const { shape, dtype = 'float32' } = this.spec.observation
    if ((dtype === 'uint8') !== observations instanceof Uint8Array)
      throw new MillraceError('E_POLICY_MODEL', `the policy takes observations of ${dtype}, and was given others`)
    const batch = observations.length / observationSize(this.spec)
    if (!Number.isInteger(batch) || batch < 1) {
      throw new MillraceError(
        'E_POLICY_MODEL',
        `${observations.length} numbers are no batch of observations of shape [${shape.join(', ')}]`,
      )
    }
    this.observations = observations
    this.outputs = new Float32Array(batch * outputsOf(this.spec))
    this.feeds[MODEL_INPUT] = tensorOf(this.runtime, observations, [batch, ...shape])
    this.fetches[MODEL_OUTPUTS[this.spec.distribution]] = new this.runtime.Tensor('float32', this.outputs, [
      batch,
      outputsOf(this.spec),
    ])
    return this
  }

  /**
   * The outputs for the observations that are in the buffer now. One run at a time.
   *
   * @throws MillraceError E_POLICY_MODEL
   */
  async run(): Promise<void> {
    if (this.released) throw new MillraceError('E_POLICY_MODEL', 'the policy was released')
    try {
      this.running = this.session.run(this.feeds, this.fetches)
      await this.running
    } catch (cause) {
      throw new MillraceError('E_POLICY_MODEL', `the policy failed to run: ${String(cause)}`, {}, { cause })
    } finally {
      this.running = undefined
    }
  }

  /**
   * V(x) of any number of observations, from the model's further output `value`; the buffers of `run` stay as they are.
   *
   * @param observations [N, ...D]
   * @returns [N]
   * @throws MillraceError E_POLICY_MODEL when the model gives no value, or fails
   */
  async values(observations: Observations): Promise<Float32Array> {
    if (!this.session.outputNames.includes(MODEL_VALUE))
      throw new MillraceError('E_POLICY_MODEL', `the policy gives no '${MODEL_VALUE}'; publish it (publishValue: true)`)
    const { shape } = this.spec.observation
    const rows = observations.length / observationSize(this.spec)
    const feeds = { [MODEL_INPUT]: tensorOf(this.runtime, observations, [rows, ...shape]) }
    try {
      const { [MODEL_VALUE]: value } = await this.session.run(feeds, [MODEL_VALUE])
      return value?.data as Float32Array
    } catch (cause) {
      throw new MillraceError('E_POLICY_MODEL', `the policy failed to run: ${String(cause)}`, {}, { cause })
    }
  }

  /** Frees the model's memory, after the run that is under way. Twice is once. */
  async release(): Promise<void> {
    if (this.released) return
    this.released = true
    await this.running?.catch(() => undefined)
    if (this.ownsModel) await this.session.release()
  }
}

function tensorOf(runtime: { readonly Tensor: TensorConstructor }, data: Observations, shape: number[]): Tensor {
  return data instanceof Uint8Array
    ? new runtime.Tensor('uint8', data, shape)
    : new runtime.Tensor('float32', data, shape)
}

function observationSize(spec: PolicySpec): number {
  return spec.observation.shape.reduce((size, dimension) => size * dimension, 1)
}

function checkModel(session: InferenceSession, spec: PolicySpec): void {
  const output = MODEL_OUTPUTS[spec.distribution]
  if (session.inputNames.length !== 1)
    throw new MillraceError(
      'E_POLICY_MODEL',
      `the policy has inputs ${session.inputNames.join(', ')}, expected only '${MODEL_INPUT}'`,
    )
  const { shape, dtype = 'float32' } = spec.observation
  checkValue(session.inputMetadata, { name: MODEL_INPUT, dtype, shape })
  checkValue(session.outputMetadata, { name: output, dtype: 'float32', shape: [outputsOf(spec)] })
}

interface Value {
  readonly name: string
  readonly dtype: 'float32' | 'uint8'
  readonly shape: readonly number[]
}

/** A value of the model must be [N, ...shape], with N free. */
function checkValue(metadata: readonly InferenceSession.ValueMetadata[], { name, dtype, shape }: Value): void {
  const found = metadata.find((value) => value.name === name)
  const expected = `'${name}' as ${dtype} [N, ${shape.join(', ')}]`
  if (!found?.isTensor) {
    throw new MillraceError(
      'E_POLICY_MODEL',
      `the policy has ${metadata.map((value) => `'${value.name}'`).join(', ')}, expected ${expected}`,
    )
  }
  const [rows, ...rest] = found.shape
  // A name stands for a size the model leaves open.
  const fits = rest.length === shape.length && rest.every((size, i) => typeof size === 'string' || size === shape[i])
  if (found.type === dtype && typeof rows === 'string' && fits) return
  throw new MillraceError(
    'E_POLICY_MODEL',
    `the policy has '${name}' as ${found.type} [${found.shape.join(', ')}], expected ${expected}`,
  )
}
