import type { Credentials } from '../../shared/cloud/credentials.ts'
import { type Running, startCommand, until } from './processes.ts'

export interface ElsewhereCloud {
  readonly endpoint: string
  readonly credentials: Credentials
  readonly running: Running
  /** What a user sets to reach it with the services named, or with all of them. */
  variables(services?: readonly ('S3' | 'SQS' | 'LAMBDA')[]): Record<string, string>
  close(): Promise<void>
}

/** `millrace cloud` in a process of its own, on a free port. */
export async function elsewhereCloud(cwd: string): Promise<ElsewhereCloud> {
  const running = startCommand(['cloud', '--port', '0'], { cwd })
  await until('the cloud says what opens it', () => running.out().includes('AWS_SECRET_ACCESS_KEY='))
  const printed = Object.fromEntries(
    [...running.out().matchAll(/export (\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
  )
  const { AWS_ENDPOINT_URL: endpoint = '', ...others } = printed
  return {
    endpoint,
    credentials: {
      accessKeyId: others['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: others['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
    running,
    variables: (services) => ({
      ...others,
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
