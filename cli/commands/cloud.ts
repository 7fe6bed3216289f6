import { resolve } from 'node:path'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'

export interface CloudOptions {
  readonly port: number
  readonly folder?: string
}

export interface CloudParts {
  /** Starts the emulated cloud; rejects with E_PORT or E_DISK. */
  start(options: {
    readonly port: number
    readonly folder?: string
  }): Promise<{ readonly endpoint: string; close(): Promise<void> }>
}

/** `millrace cloud`: the emulated cloud by itself, until Ctrl-C, for any AWS client. */
export async function cloudCommand({ port, folder }: CloudOptions, host: Host, parts: CloudParts): Promise<number> {
  let unwatch = () => {}
  const ended = new Promise<void>((done) => (unwatch = host.onSignal(() => done())))
  try {
    const cloud = await parts.start({ port, ...(folder === undefined ? {} : { folder: resolve(host.cwd, folder) }) })
    try {
      host.out.write(
        cloudLines(cloud.endpoint, folder)
          .map((line) => `${line}\n`)
          .join(''),
      )
      await ended
    } finally {
      await cloud.close()
    }
  } finally {
    unwatch()
  }
  return EXIT.ok
}

function cloudLines(endpoint: string, folder: string | undefined): string[] {
  return [
    `emulated cloud at ${endpoint}: S3, SQS and Lambda, ${folder === undefined ? 'in memory' : `objects in ${folder}`}; Ctrl-C ends it`,
    '',
    'For any AWS client:',
    `  export AWS_ENDPOINT_URL=${endpoint}`,
    '  export AWS_REGION=us-east-1',
    '  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local',
    '',
    'With these set, millrace train runs its functions, bucket and queue there.',
  ]
}
