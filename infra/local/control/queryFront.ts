import type { IncomingMessage } from 'node:http'
import { AwsError } from '../awsError.ts'
import type { ServiceName } from '../faults/faults.ts'
import type { Front } from '../front.ts'
import { MAX_REQUEST_BYTES, readBody, requestId } from '../http.ts'
import { XML_HEAD, element } from '../s3/xml.ts'

export interface QueryService {
  readonly service: ServiceName
  /** Tells the services apart: they share a path, and the body names only action and version. */
  readonly version: string
  readonly namespace: string
  /** EC2 has a dialect of its own: no element around the result, and another shape of errors. */
  readonly dialect: 'query' | 'ec2'
  /** Each gives back the inside of the result as XML. */
  readonly operations: Readonly<Record<string, (parameters: URLSearchParams) => string>>
}

export interface QueryCall {
  readonly operation: string
  readonly of: QueryService
  readonly parameters: URLSearchParams
}

/** Is this request a form, as the services that speak XML are asked? */
export const isQuery = (request: IncomingMessage): boolean =>
  request.method === 'POST' &&
  String(request.headers['content-type']).startsWith('application/x-www-form-urlencoded') &&
  request.url === '/'

/** Services that speak AWS's query protocol: a form in, XML out. */
export function queryFront(services: readonly QueryService[]): Front<QueryCall> {
  const refused = new WeakMap<IncomingMessage, QueryService>()
  return {
    protocol: 'query',
    maxBodyBytes: MAX_REQUEST_BYTES,
    service: ({ of }) => of.service,
    async route(request) {
      const parameters = new URLSearchParams((await readBody(request)).toString())
      const [operation, version] = [parameters.get('Action') ?? '', parameters.get('Version')]
      const of = services.find((service) => service.version === version)
      if (of === undefined) throw new AwsError(400, 'InvalidAction', `no emulated service has version ${version}`)
      refused.set(request, of)
      return { operation, of, parameters }
    },
    resource: () => '',
    serve({ operation, of, parameters }, _request, response) {
      const run = of.operations[operation]
      if (run === undefined)
        throw new AwsError(400, 'InvalidAction', `the emulated ${of.service} does not know ${operation}`)
      const id = requestId()
      const result = run(parameters)
      const inside =
        of.dialect === 'ec2'
          ? `${element('requestId', id)}${result}`
          : `<${operation}Result>${result}</${operation}Result><ResponseMetadata>${element('RequestId', id)}</ResponseMetadata>`
      const body = `${XML_HEAD}<${operation}Response xmlns="${of.namespace}">${inside}</${operation}Response>`
      response.writeHead(200, { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) }).end(body)
    },
    refuse({ status, code, message }, request, response) {
      const said = element('Code', code) + element('Message', message)
      // Before its body is read, only the scope of its signature tells whom a request is for.
      const isEc2 =
        (refused.get(request)?.dialect ??
          (/\/ec2\/aws4_request/.test(request.headers.authorization ?? '') && 'ec2')) === 'ec2'
      const id = element(isEc2 ? 'RequestID' : 'RequestId', requestId())
      const body = isEc2
        ? `${XML_HEAD}<Response><Errors><Error>${said}</Error></Errors>${id}</Response>`
        : `${XML_HEAD}<ErrorResponse><Error>${element('Type', status < 500 ? 'Sender' : 'Receiver')}${said}</Error>${id}</ErrorResponse>`
      response.writeHead(status, { 'content-type': 'text/xml', 'content-length': Buffer.byteLength(body) }).end(body)
    },
  }
}

/** The values of `prefix.1`, `prefix.2` …: a list in a form. */
export function listOf(parameters: URLSearchParams, prefix: string): string[] {
  const values: string[] = []
  for (let i = 1; ; i++) {
    const value = parameters.get(`${prefix}.${i}`)
    if (value === null) return values
    values.push(value)
  }
}
