import { awsConfig } from '../awsConfig.ts'
import type { AwsOptions, ServiceName } from '../endpoints.ts'

/** What the clients of the control plane have in common: a handful of connections, and the SDK's own retries. */
export function controlConfig(service: ServiceName, options: AwsOptions) {
  const { local: _, ...config } = awsConfig(service, { maxSockets: 8, ...options })
  return config
}

/** Uses a client for one piece of work, and closes it. */
export async function withClient<C extends { destroy(): void }, T>(client: C, work: (client: C) => Promise<T>) {
  try {
    return await work(client)
  } finally {
    client.destroy()
  }
}
