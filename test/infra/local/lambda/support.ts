import { type Server, createServer } from 'node:http'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda'
import { buildSync } from 'esbuild'
import type { FunctionOptions } from '../../../../infra/local/lambda/function.ts'
import { type LambdaOptions, type LambdaService, lambdaService } from '../../../../infra/local/lambda/lambda.ts'
import { packageRoot } from '../../../../infra/local/packageRoot.ts'

export const handlerFile = (name: string): string => join(import.meta.dirname, 'handlers', `${name}.mjs`)

/** A declaration around the probe handler; tests say only what matters to them. */
export const probe = (name: string, options: Partial<FunctionOptions> = {}): FunctionOptions => ({
  name,
  file: handlerFile('probe'),
  memoryMb: 256,
  timeoutMs: 10_000,
  ...options,
})

/** Our runtime, built from its source into a folder of its own. */
export function buildBootstrap(): { file: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-lambda-'))
  const file = join(folder, 'bootstrap.mjs')
  const entry = join(packageRoot(), 'infra/local/bootstrap.ts')
  buildSync({ entryPoints: [entry], outfile: file, bundle: true, platform: 'node', format: 'esm', target: 'node20' })
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** False for a process that has ended, even if nobody has collected its exit status yet. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !existsSync('/proc/self/stat') || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** How often a handler began, by the file that it marks. */
export const begun = (marker: string): number => {
  try {
    return readFileSync(marker, 'utf8').split('\n').length - 1
  } catch {
    return 0
  }
}

export interface RunningLambda extends AsyncDisposable {
  readonly service: LambdaService
  readonly endpoint: string
  readonly client: LambdaClient
}

export async function startLambda(
  options: LambdaOptions,
  functions: readonly FunctionOptions[],
): Promise<RunningLambda> {
  const service = lambdaService(options)
  for (const declared of functions) service.create(declared)
  const server: Server = createServer((request, response) => {
    void service.handle(request, response, new URL(request.url ?? '/', 'http://lambda'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = lambdaClient(endpoint)
  return {
    service,
    endpoint,
    client,
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      await service.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The unmodified SDK client, without its own retries: a throttle must be seen. */
export function lambdaClient(
  endpoint: string,
  { accessKeyId, secretAccessKey } = { accessKeyId: 'nobody', secretAccessKey: 'asks' },
): LambdaClient {
  const credentials = { accessKeyId, secretAccessKey }
  return new LambdaClient({
    endpoint,
    region: 'us-east-1',
    maxAttempts: 1,
    ...(process.env['CONFORMANCE_ENDPOINT_LAMBDA'] === undefined ? { credentials } : {}),
  })
}

export interface Invoked {
  readonly status: number | undefined
  readonly functionError: string | undefined
  /** The answer, parsed. */
  readonly answer: ReturnType<typeof JSON.parse>
  readonly log: string
}

/** Invokes and reads the answer; `event` undefined sends no payload. */
export async function invoke(
  client: LambdaClient,
  functionName: string,
  event?: unknown,
  options: Partial<InvokeCommandInput> = {},
): Promise<Invoked> {
  const Payload = event === undefined ? undefined : Buffer.from(JSON.stringify(event))
  const output = await client.send(
    new InvokeCommand({ FunctionName: functionName, ...(Payload && { Payload }), ...options }),
  )
  const text = Buffer.from(output.Payload ?? []).toString() // null where the body is empty, whatever its type says
  return {
    status: output.StatusCode,
    functionError: output.FunctionError,
    answer: text === '' ? undefined : JSON.parse(text),
    log: Buffer.from(output.LogResult ?? '', 'base64').toString(),
  }
}
