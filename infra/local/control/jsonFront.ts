import type { ServerResponse } from 'node:http'
import { AwsError } from '../awsError.ts'
import type { ServiceName } from '../faults/faults.ts'
import type { Front } from '../front.ts'
import { MAX_REQUEST_BYTES, readBody, requestId } from '../http.ts'
import { parseInput } from '../sqs/input.ts'
import type { Operation } from './wire.ts'

export interface JsonService {
  readonly service: ServiceName
  /** Before the dot in `x-amz-target`. */
  readonly target: string
  readonly operations: Readonly<Record<string, Operation<object>>>
}

/** A service that speaks AWS's JSON 1.1. */
export function jsonFront({ service, target, operations }: JsonService): Front<{ operation: string }> {
  const known = new Map(Object.entries(operations))
  return {
    protocol: 'json',
    maxBodyBytes: MAX_REQUEST_BYTES,
    service: () => service,
    route: (request) => ({ operation: String(request.headers['x-amz-target']).slice(target.length + 1) }),
    resource: () => '',
    async serve({ operation }, request, response) {
      const run = known.get(operation)
      if (run === undefined)
        throw new AwsError(400, 'UnknownOperationException', `the emulated ${service} does not know ${operation}`)
      send(response, 200, await run(parseInput(await readBody(request))))
    },
    refuse(error, _request, response) {
      send(response, error.status, { __type: error.code, message: error.message, ...error.details })
    },
  }
}

function send(response: ServerResponse, status: number, content: object): void {
  const body = JSON.stringify(content)
  response.writeHead(status, {
    'x-amzn-requestid': requestId(),
    'content-type': 'application/x-amz-json-1.1',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}
