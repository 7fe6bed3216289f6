import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../shared/errors.ts'
import { PolicySpec } from '../shared/policy/spec.ts'
import { described } from './described.ts'
import { type PolicyRecord, readPolicy } from './run/records.ts'
import { RUN_FILES } from './run/runFolder.ts'

/**
 * Where a policy comes from: a run folder, a `policy.onnx` (with its `policy.json` beside it), or the bytes of the ONNX model with its
 * specification, as `train` gives them back.
 */
export type PolicySource = string | URL | { readonly policy: Uint8Array; readonly spec: PolicySpec }

/** A policy's model and its specification. `folder` and `record` are set when it came from a run folder. */
export interface FoundPolicy {
  readonly model: Uint8Array
  readonly spec: PolicySpec
  readonly folder?: string
  readonly record?: PolicyRecord
}

/**
 * Reads what `loadPolicy` and `evaluate` were given.
 *
 * @param caller names the function in a message
 * @throws MillraceError E_USAGE for anything that is no policy, E_POLICY_MODEL where there is none, E_POLICY_SPEC for a specification that is
 *   malformed, E_DISK when a file cannot be read
 */
export function findPolicy(source: PolicySource, caller: string): FoundPolicy {
  if (typeof source === 'string' || source instanceof URL) return fromDisk(source, caller)
  const { policy, spec } = (source ?? {}) as { readonly policy?: unknown; readonly spec?: unknown }
  if (!(policy instanceof Uint8Array)) {
    throw new MillraceError(
      'E_USAGE',
      `${caller} takes a run folder, the path of a policy.onnx, or { policy, spec } with the bytes of a model; got ${described(source)}`,
    )
  }
  return { model: policy, spec: checkedSpec(spec, caller) }
}

function fromDisk(source: string | URL, caller: string): FoundPolicy {
  if (source instanceof URL && source.protocol !== 'file:')
    throw new MillraceError(
      'E_USAGE',
      `${caller} reads files, got ${source.protocol}//…; fetch its bytes and give { policy, spec }`,
    )
  const path = source instanceof URL ? fileURLToPath(source) : source
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory()
  if (isFolder === undefined)
    throw new MillraceError('E_POLICY_MODEL', `there is no policy at ${path}: no such file or folder`)
  const folder = isFolder ? path : dirname(path)
  if (!existsSync(join(folder, RUN_FILES.policySpec))) {
    const beside = isFolder
      ? 'in it'
      : 'beside it; give { policy, spec } with the bytes of the model, or the run folder'
    throw new MillraceError(
      'E_POLICY_MODEL',
      `${path} is no policy of a run: there is no ${RUN_FILES.policySpec} ${beside}`,
    )
  }
  if (!isFolder && basename(path) !== RUN_FILES.policy && basename(path) !== RUN_FILES.policySpec)
    throw new MillraceError(
      'E_POLICY_MODEL',
      `${path} is not the ${RUN_FILES.policy} that ${RUN_FILES.policySpec} beside it is about`,
    )
  const { model, record } = readPolicy(folder)
  return { model, spec: record.spec, folder, record }
}

function checkedSpec(spec: unknown, caller: string): PolicySpec {
  const parsed = PolicySpec.safeParse(spec)
  if (parsed.success) return parsed.data
  const why = parsed.error.issues.map(({ path, message }) => `${['spec', ...path].join('.')}: ${message}`).join('; ')
  throw new MillraceError('E_POLICY_SPEC', `${caller} was given bytes without a specification that fits: ${why}`)
}
