import { type Dim, type Tensor, cast, flatten, graphError, input, mul, transpose } from '../tensor/index.ts'
import { type Network, type TorsoMaker, network } from './network.ts'
import { type Torso, type TorsoSettings, defaultTorso } from './torso.ts'

/** What a network of a user's own is made for. */
export interface NetworkRequest {
  /** To begin the names of its parameters with: no two parameters of a program have one name. */
  readonly name: string
  /** Of one observation. */
  readonly shape: readonly number[]
  /** Numbers P that the policy's distribution takes for one entry: logits, or means (and log standard deviations). */
  readonly policyOutputs: number
}

/** All of a policy and a value: observations float32 [N, ...shape] (bytes are divided by the largest that there is) to [N, P] and [N, 1] or [N]. */
export interface OwnPolicyValue {
  readonly parameters: readonly Tensor[]
  apply(observations: Tensor): { readonly policy: Tensor; readonly value: Tensor }
}

/** A network of a user's own: the layers under policy and value, or both of them whole. */
export type NetworkMaker = (request: NetworkRequest) => Torso | OwnPolicyValue

export interface PolicyValueSettings extends TorsoSettings {
  /** One torso under policy and value; if not given, for a network of the user's own only. */
  readonly sharedTrunk?: boolean | undefined
  readonly network?: NetworkMaker | undefined
}

/** Gains of PPO's references: a policy that begins nearly uniform, values of the features' size. */
const POLICY_GAIN = 0.01
const VALUE_GAIN = 1

/**
 * The network of an algorithm with a policy and a value.
 *
 * @throws MillraceError E_GRAPH where layers do not fit the shape, or a network of the user's own gives something else than it is asked for
 */
export function policyValueNetwork(
  settings: PolicyValueSettings,
  { shape, policyOutputs }: Omit<NetworkRequest, 'name'>,
): Network<'policy' | 'value'> {
  const { network: own, sharedTrunk = own !== undefined } = settings
  const outputs = { policy: { size: policyOutputs, gain: POLICY_GAIN }, value: { size: 1, gain: VALUE_GAIN } }
  if (!own) return network({ shape, torso: defaultTorso(shape, settings), outputs, shared: sharedTrunk })
  const prepare = (x: Tensor) => mul(cast(x, 'float32'), settings.scale ?? 1)
  const make = (name: string) => fed(checked(own({ name, shape, policyOutputs }), shape), prepare)
  const first = make(sharedTrunk ? 'trunk' : 'policy')
  if (isWhole(first)) return whole(first, { shape, policyOutputs })
  const torso: TorsoMaker = (name) => {
    const made = name === 'value' ? make(name) : first
    if (isWhole(made)) throw refused('gave a whole network for the value and a torso for the policy')
    return made
  }
  return network({ shape, torso, outputs, shared: sharedTrunk })
}

/** The same network, over observations that are made ready for it first. */
function fed<N extends Torso | OwnPolicyValue>(own: N, prepare: (x: Tensor) => Tensor): N {
  return { ...own, apply: (observations: Tensor) => own.apply(prepare(observations)) }
}

const isWhole = (made: Torso | OwnPolicyValue): made is OwnPolicyValue => !('width' in made)

/** What is asked for, from rows that stay open. */
function whole(
  own: OwnPolicyValue,
  { shape, policyOutputs }: Omit<NetworkRequest, 'name'>,
): Network<'policy' | 'value'> {
  const probe = own.apply(input('observations', ['N', ...shape]))
  expectShape('policy', probe.policy, [['N', policyOutputs]])
  expectShape('value', probe.value, [['N'], ['N', 1]])
  return {
    parameters: own.parameters,
    apply: (observations, axis = 1) => {
      const { policy, value } = own.apply(observations)
      return { policy: axis === 0 ? transpose(policy) : policy, value: flatten(value) }
    },
  }
}

function checked(made: unknown, shape: readonly number[]): Torso | OwnPolicyValue {
  const { parameters, apply, width } = (made ?? {}) as Partial<Torso>
  if (!Array.isArray(parameters) || typeof apply !== 'function')
    throw refused('gave no { parameters, apply }: the parameters in order, and a function of the observations')
  if (width === undefined) return made as OwnPolicyValue
  const torso = made as Torso
  expectShape('apply', torso.apply(input('observations', ['N', ...shape])), [['N', width]])
  return torso
}

function expectShape(what: string, given: Partial<Tensor> | undefined, allowed: readonly (readonly Dim[])[]): void {
  const { shape, dtype } = given ?? {}
  if (dtype === 'float32' && allowed.some((one) => one.join() === shape?.join())) return
  const wanted = allowed.map((one) => `[${one.join(', ')}]`).join(' or ')
  throw refused(
    `its ${what} gives ${shape ? `${dtype} [${shape.join(', ')}]` : 'no tensor'}, expected float32 ${wanted}`,
  )
}

const refused = (why: string) => graphError('network', `the network of your own cannot be used: ${why}`)
