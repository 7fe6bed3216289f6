import { AwsError } from './awsError.ts'
import type { Front } from './front.ts'
import { MAX_REQUEST_BYTES } from './http.ts'
import { decoded } from './lambda/routes.ts'
import type { LambdaService } from './lambda/lambda.ts'

/** Lambda behind the common server: it routes and answers by itself, what is left is to say what is asked, for faults. */
export function lambdaFront(lambda: () => LambdaService): Front<{ operation: string; name: string }> {
  return {
    protocol: 'rest',
    maxBodyBytes: MAX_REQUEST_BYTES,
    service: () => 'lambda',
    route(request) {
      if (request.url?.includes('/account-settings')) return { operation: 'GetAccountSettings', name: '' }
      const [name = '', action] =
        decoded(request.url ?? '')
          .split('/functions/')[1]
          ?.split(/[/?]/) ?? []
      const operation = action === 'invocations' ? 'Invoke' : `${request.method} ${action ?? ''}`.trim()
      return { operation, name: name.slice(name.lastIndexOf(':') + 1) }
    },
    resource: (call) => call.name,
    serve: (_call, request, response) =>
      lambda().handle(request, response, new URL(request.url ?? '/', 'http://localhost')),
    refuse(error: AwsError, _request, response) {
      const body = JSON.stringify({
        Type: error.status < 500 ? 'User' : 'Service',
        message: error.message,
        ...error.details,
      })
      response.writeHead(error.status, {
        'x-amzn-errortype': error.code,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      })
      response.end(body)
    },
  }
}
