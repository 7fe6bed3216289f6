import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvokeCommand } from '@aws-sdk/client-lambda'
import * as z from 'zod'
import { localCloud } from '../infra/local/cloud.ts'
import type { InvocationReport } from '../infra/local/lambda/usage.ts'
import { packageRoot } from '../infra/local/packageRoot.ts'
import { sha256Hex } from '../shared/batch/hash.ts'
import { awsClients, s3ObjectStore } from '../shared/cloud/index.ts'
import { keys } from '../shared/protocol/keys.ts'
import { invocationOf } from '../shared/protocol/invocation.ts'
import { type Lease, LeaseReport, type StartParts } from '../shared/protocol/lease.ts'
import { encodeManifest } from '../shared/protocol/manifest.ts'
import { policy, cartPoleRunner } from './cartPoleSetting.ts'
import { type Row, lowerIsBetter } from './result.ts'

const ENVS = 16
const T = 20
const ROUNDS = 7
const DAY_MS = 86_400_000
const limits = { memoryMb: 1769, timeoutMs: 30_000 }

/** From the start of a function's process to its first fragment: the bundled function in the emulated Lambda, S3 and SQS. */
export async function coldStartRow(): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const empty = join(folder, 'empty.mjs')
  writeFileSync(empty, 'export const handler = async () => ({})')
  const reports: InvocationReport[] = []
  await using cloud = await localCloud({ lambda: { onInvocation: (report) => reports.push(report) } })
  const clients = awsClients({ endpoint: cloud.endpoint, credentials: cloud.credentials })
  const environment = { AWS_ENDPOINT_URL: cloud.endpoint }
  const invoke = async (FunctionName: string, event: unknown) =>
    await clients.lambda.send(new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(event)) }))
  try {
    cloud.s3.createBucket('bench')
    cloud.sqs.createQueue('bench')
    await publish(s3ObjectStore(clients.s3, 'bench'))
    const lease = invocationOf([leaseOf(`${cloud.endpoint}/000000000000/bench`)])
    const starts: StartParts[] = []
    for (let round = 0; round < ROUNDS; round++) {
      // A function of its own each time: none of them can be warm.
      const file = join(packageRoot(), 'dist/functions/rollout.mjs')
      cloud.lambda.create({ name: `rollout-${round}`, file, environment, ...limits })
      cloud.lambda.create({ name: `empty-${round}`, file: empty, environment, ...limits })
      const { Payload } = await invoke(`rollout-${round}`, lease)
      const [{ start }] = z.tuple([LeaseReport]).parse(JSON.parse(Buffer.from(Payload ?? []).toString()))
      if (start === undefined) throw new Error('the lease made no fragment')
      starts.push(start)
      await invoke(`empty-${round}`, {})
    }
    const initOf = (name: string) =>
      median(
        reports.flatMap(({ functionName, initMs }) => (functionName.startsWith(name) ? [initMs ?? Number.NaN] : [])),
      )
    const part = (name: keyof StartParts) => median(starts.map((start) => start[name]))
    const after = part('envMs') + part('manifestMs') + part('policyMs') + part('fragmentMs')
    return lowerIsBetter({
      name: 'cold start of a rollout function, from its process to its first fragment of 320 env steps',
      value: initOf('rollout-') + after,
      unit: `ms: load ${ms(initOf('rollout-'))}, manifest ${ms(part('manifestMs'))}, session ${ms(part('policyMs'))}, fragment ${ms(part('fragmentMs'))}`,
      baseline: { name: 'a function that does nothing, ready', value: initOf('empty-') },
      limit:
        'loading AWS’s clients and onnxruntime, then the first request of each client, which V8 has yet to compile',
    })
  } finally {
    clients.destroy()
    rmSync(folder, { recursive: true, force: true })
  }
}

const ms = (value: number): string => value.toFixed(0)

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

async function publish(store: ReturnType<typeof s3ObjectStore>): Promise<void> {
  const runner = cartPoleRunner(T, ENVS)
  const model = runner.policy('default')
  await runner.close()
  const body = encodeManifest({
    format: 1,
    run: 'bench',
    policy: {
      version: 0,
      key: keys.policy('bench', 0),
      sha256: sha256Hex(model),
      inline: Buffer.from(model).toString('base64'),
    },
    consumed: [0],
    heartbeatUntil: Date.now() + DAY_MS,
    stop: false,
  })
  await store.put(keys.manifest('bench'), body)
}

const leaseOf = (queueUrl: string): Lease => ({
  run: 'bench',
  shard: 0,
  lease: 'bench',
  firstSequence: 0,
  env: { id: 'CartPole-v1', config: {} },
  policy,
  numEnvs: ENVS,
  fragmentLength: T,
  maxFragments: 1,
  deadline: Date.now() + DAY_MS,
  pacing: { mode: 'newest', perVersion: 1, lead: 1, patienceMs: 1000 },
  stages: [],
  exploration: {},
  seed: 1,
  bucket: 'bench',
  queueUrl,
  spillAboveBytes: 300_000,
  compress: false,
  maxSendsInFlight: 2,
  manifestPollMs: 1000,
})
