import type { Credentials } from '../../../shared/cloud/credentials.ts'
import { SKEW_VARIABLE, TOKEN_VARIABLE } from './runtimeToken.ts'
import type { LambdaFunction } from './function.ts'

/**
 * V8's heap ends before the function's memory does, so that garbage is collected before it looks like a leak. V8 knows this
 * only from its command line, which costs 10 ms of a cold start (its built-in code cache is for default flags).
 */
export const heapFlags = (memoryMb: number): string[] => [`--max-old-space-size=${Math.floor(memoryMb * 0.9)}`]

/** Where Lambda keeps what a function writes. */
export const logGroupOf = (functionName: string): string => `/aws/lambda/${functionName}`

/** The stream of one environment in it, from today on. */
export const logStreamOf = (environmentId: string): string =>
  `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]${environmentId}`

export interface Surroundings {
  /** The environment's own Runtime API: `host:port`, and what opens it. */
  readonly api: { readonly address: string; readonly token: string | undefined }
  readonly logStream: string
  /** Of the emulated cloud. */
  readonly credentials: Credentials
  /** By how much its wall clock is wrong. */
  readonly clockSkewMs: number
}

/**
 * Everything an environment sees: what Lambda sets, then the function's own variables. Nothing else comes from this process:
 * a function that only works because of the developer's shell would fail on Lambda. NODE_OPTIONS is passed when the
 * function declares it.
 */
export function environmentVariables(
  fn: LambdaFunction,
  { api, logStream, credentials, clockSkewMs }: Surroundings,
): NodeJS.ProcessEnv {
  const inherited: NodeJS.ProcessEnv = {}
  for (const name of ['PATH', 'TMPDIR', 'LD_LIBRARY_PATH']) {
    const value = process.env[name]
    if (value !== undefined) inherited[name] = value
  }
  return {
    ...inherited,
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_REGION: fn.region,
    AWS_DEFAULT_REGION: fn.region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...fn.environment,
    _HANDLER: fn.handler,
    LAMBDA_TASK_ROOT: fn.taskRoot,
    AWS_LAMBDA_RUNTIME_API: api.address,
    ...(api.token !== undefined && { [TOKEN_VARIABLE]: api.token }),
    ...(clockSkewMs !== 0 && { [SKEW_VARIABLE]: String(clockSkewMs) }),
    AWS_LAMBDA_FUNCTION_NAME: fn.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupOf(fn.name),
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  }
}
