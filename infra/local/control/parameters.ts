import { z } from 'zod'
import type { Clock } from '../../../shared/cloud/ports.ts'
import { AwsError } from '../awsError.ts'
import type { JsonService } from './jsonFront.ts'
import { arn, operation, page } from './wire.ts'

interface Parameter {
  readonly name: string
  readonly value: string
  readonly type: string
  readonly version: number
  readonly modifiedMs: number
}

/** Longest values of the two tiers; the larger one costs money. */
const MAX_BYTES = { Standard: 4096, Advanced: 8192 } as const

/** Parameters of the account (SSM Parameter Store) by name. */
export class Parameters {
  readonly #clock: Clock
  readonly #all = new Map<string, Parameter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws AwsError ParameterNotFound */
  get(name: string): Parameter {
    const found = this.#all.get(name)
    if (found === undefined) throw new AwsError(400, 'ParameterNotFound', `Parameter ${name} not found.`)
    return found
  }

  /** @throws AwsError ParameterAlreadyExists, ValidationException */
  put(
    name: string,
    value: string,
    options: { type?: string; overwrite?: boolean; tier?: keyof typeof MAX_BYTES } = {},
  ) {
    const { type = 'String', overwrite = true, tier = 'Standard' } = options
    const before = this.#all.get(name)
    if (before !== undefined && !overwrite) {
      const message =
        'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.'
      throw new AwsError(400, 'ParameterAlreadyExists', message)
    }
    if (!/^[\w./-]{1,1011}$/.test(name) || (name.includes('/') && !name.startsWith('/')))
      throw new AwsError(400, 'ValidationException', `Parameter name ${name} must be a fully qualified name.`)
    if (Buffer.byteLength(value) > MAX_BYTES[tier]) {
      const message = `${tier} tier parameters support a maximum parameter value of ${MAX_BYTES[tier]} characters.`
      throw new AwsError(400, 'ValidationException', message)
    }
    const version = (before?.version ?? 0) + 1
    this.#all.set(name, { name, value, type, version, modifiedMs: this.#clock.now() })
    return version
  }

  /** Below a path, in the order of names. */
  under(path: string, recursive: boolean): readonly Parameter[] {
    const prefix = path.endsWith('/') ? path : `${path}/`
    return [...this.#all.values()]
      .filter(({ name }) => name.startsWith(prefix) && (recursive || !name.slice(prefix.length).includes('/')))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** @throws AwsError ParameterNotFound */
  delete(name: string): void {
    this.#all.delete(this.get(name).name)
  }
}

export function ssm(parameters: Parameters): JsonService {
  return {
    service: 'ssm',
    target: 'AmazonSSM',
    operations: {
      GetParameter: operation(
        z.strictObject({ Name: z.string(), WithDecryption: z.boolean().optional() }),
        ({ Name }) => ({
          Parameter: view(parameters.get(Name)),
        }),
      ),
      PutParameter: operation(
        z.strictObject({
          Name: z.string(),
          Value: z.string().min(1),
          Type: z.enum(['String', 'StringList', 'SecureString']).optional(),
          Overwrite: z.boolean().optional(),
          Description: z.string().optional(),
          Tier: z.enum(['Standard', 'Advanced']).optional(),
        }),
        ({ Name, Value, Type = 'String', Overwrite = false, Tier = 'Standard' }) => ({
          Version: parameters.put(Name, Value, { type: Type, overwrite: Overwrite, tier: Tier }),
          Tier,
        }),
      ),
      GetParametersByPath: operation(
        z.strictObject({
          Path: z.string().startsWith('/'),
          Recursive: z.boolean().optional(),
          WithDecryption: z.boolean().optional(),
          MaxResults: z.number().int().min(1).max(10).optional(),
          NextToken: z.string().optional(),
        }),
        ({ Path, Recursive = false, MaxResults = 10, NextToken }) => {
          const { items, next } = page(parameters.under(Path, Recursive), { size: MaxResults, token: NextToken })
          return { Parameters: items.map(view), ...(next !== undefined && { NextToken: next }) }
        },
      ),
      DeleteParameter: operation(z.strictObject({ Name: z.string() }), ({ Name }) => {
        parameters.delete(Name)
        return {}
      }),
    },
  }
}

const view = ({ name, value, type, version, modifiedMs }: Parameter) => ({
  Name: name,
  Value: value,
  Type: type,
  Version: version,
  LastModifiedDate: modifiedMs / 1000,
  ARN: arn('ssm', `parameter${name.startsWith('/') ? '' : '/'}${name}`),
  DataType: 'text',
})
