import { type Running, startCommand, until } from './processes.ts'

export interface ElsewhereCloud {
  readonly endpoint: string
  readonly running: Running
  /** What a user sets to reach it with the services named, or with all of them. */
  variables(services?: readonly ('S3' | 'SQS' | 'LAMBDA')[]): Record<string, string>
  close(): Promise<void>
}

const CREDENTIALS = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' }

/** `millrace cloud` in a process of its own, on a free port. */
export async function elsewhereCloud(cwd: string): Promise<ElsewhereCloud> {
  const running = startCommand(['cloud', '--port', '0'], { cwd })
  const endpoint = await until('the cloud says where it is', () => /http:\/\/[\d.]+:\d+/.exec(running.out())?.[0])
  return {
    endpoint,
    running,
    variables: (services) => ({
      ...CREDENTIALS,
      ...(services === undefined
        ? { AWS_ENDPOINT_URL: endpoint }
        : Object.fromEntries(services.map((service) => [`AWS_ENDPOINT_URL_${service}`, endpoint]))),
    }),
    async close() {
      running.child.kill('SIGINT')
      await running.ended
    },
  }
}
