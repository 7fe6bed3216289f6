import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { settings } from '../../infra/aws/settings.ts'
import { stageCloud } from '../../infra/clouds/provision.ts'
import type { StageOptions } from '../../infra/clouds/stage.ts'
import { type S3Client } from '@aws-sdk/client-s3'
import { type ObjectStore, s3Client, s3ObjectStore } from '../../shared/cloud/index.ts'
import { type Running, type StartOptions, startCommand } from './processes.ts'
import { accessTo, variablesFor } from '../fakes/cloudAccess.ts'

/** The emulated cloud in this process with a stage in it, and a project folder whose commands use it. */
export interface StageUnderTest extends AsyncDisposable {
  readonly cloud: Awaited<ReturnType<typeof stageCloud>>
  readonly store: ObjectStore
  /** `millrace <args>` as a user types it in the project, in a process of its own. */
  start(args: string): Running
  /** The same to its end. */
  run(args: string): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
}

export async function stageUnderTest(folder: string, options: StageOptions = {}): Promise<StageUnderTest> {
  const app = 'chaos'
  writeFileSync(join(folder, 'millrace.settings.ts'), `export default { app: '${app}', region: 'us-east-1' }\n`)
  const cloud = await stageCloud({ settings: settings({ app, region: 'us-east-1' }), ...options })
  const client: S3Client = s3Client(accessTo(cloud))
  const variables = {
    ...variablesFor(cloud),
    // What a killed command was writing goes with the project.
    TMPDIR: folder,
  }
  const started: Running[] = []
  const start = (args: string): Running => {
    const command: StartOptions = { cwd: folder, variables }
    const running = startCommand(args.split(' '), command)
    started.push(running)
    return running
  }
  return {
    cloud,
    store: s3ObjectStore(client, cloud.provisioned.description.bucket),
    start,
    async run(args) {
      const running = start(args)
      return { code: await running.ended, out: running.out(), err: running.err() }
    },
    async [Symbol.asyncDispose]() {
      for (const { child } of started) child.kill('SIGKILL')
      await Promise.all(started.map(({ ended }) => ended))
      client.destroy()
      await cloud.close()
    },
  }
}
