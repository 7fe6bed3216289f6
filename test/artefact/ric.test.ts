// The very zips that `sst deploy` builds, in a clean folder, served by AWS's own runtime: the functions as Lambda would run them.
// Needs dist/ (npm run bundle). The first run installs SST's platform and builds the runtime, a minute in all.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { localCloud } from '../../infra/local/cloud.ts'
import type { InvocationReport } from '../../infra/local/lambda/usage.ts'
// @ts-expect-error a script, without types
import { ensureRic as ensureUntyped } from '../../scripts/ric.mjs'
import { sha256Hex } from '../../shared/batch/hash.ts'
import { rolloutForm, validateFragment } from '../../shared/batch/index.ts'
import { s3Client, s3ObjectStore, sqsClient, sqsQueue } from '../../shared/cloud/index.ts'
import { type EvaluationRequest, EvaluationResult } from '../../shared/protocol/evaluation.ts'
import { keys } from '../../shared/protocol/keys.ts'
import { invocationOf } from '../../shared/protocol/invocation.ts'
import { type Lease, LeaseReport } from '../../shared/protocol/lease.ts'
import { type Recording, recordDeploy } from '../deploy/harness.ts'
import { invoke, lambdaClient } from '../infra/local/lambda/support.ts'
import { RUN, cartPoleModel, drain, fragmentsOf, leaseOf, opened, publish } from '../shared/rollout/leases.ts'
import { type ZipEntry, elfMachine, unzip, zipEntries } from './zip.ts'
import { accessTo } from '../fakes/cloudAccess.ts'

type Runtime = { readonly bootstrap?: string; readonly node?: string } | { readonly missing: string }
const ensureRic = ensureUntyped as () => Promise<Runtime>

const LARGEST_BUNDLE = 1_400_000

const architectures = ['x86_64', 'arm64'] as const
type Architecture = (typeof architectures)[number]
const functions = ['rollout', 'evaluate'] as const

interface Built {
  readonly recording: Recording
  readonly zips: Readonly<Record<(typeof functions)[number], readonly ZipEntry[]>>
}

async function build(architecture: Architecture): Promise<Built> {
  const settings = { app: 'artefact', region: 'us-east-1', functions: { architecture } }
  const recording = await recordDeploy({ settings })
  const zip = (name: (typeof functions)[number]) => zipEntries(readFileSync(recording.artefacts[name]))
  return { recording, zips: { rollout: zip('rollout'), evaluate: zip('evaluate') } }
}

let built: Readonly<Record<Architecture, Built>>
let awsRuntime: Runtime
beforeAll(async () => {
  const both = async () => ({ x86_64: await build('x86_64'), arm64: await build('arm64') })
  ;[built, awsRuntime] = await Promise.all([both(), ensureRic()])
}, 600_000)
afterAll(async () => {
  for (const { recording } of Object.values(built ?? {})) await recording[Symbol.asyncDispose]()
})

describe.each(architectures)('the zips for %s', (architecture) => {
  test.each(functions)('%s holds onnxruntime for that machine, and of no other platform anything', (name) => {
    const entries = built[architecture].zips[name]
    const native = entries.flatMap((entry) => {
      const machine = elfMachine(entry.read())
      return machine === undefined ? [] : [{ file: entry.name.split('/').at(-1), machine }]
    })
    expect(native.toSorted((a, b) => String(a.file).localeCompare(String(b.file)))).toEqual([
      { file: 'libonnxruntime.so.1', machine: architecture },
      { file: 'onnxruntime_binding.node', machine: architecture },
    ])
    // What a cold start loads; with everything of its libraries in it, it was 2.0 MB. The built-in envs are 50 kB of it.
    expect(entries.find((entry) => entry.name === 'bundle.mjs')?.bytes).toBeLessThan(LARGEST_BUNDLE)
    const platform = `linux/${architecture === 'arm64' ? 'arm64' : 'x64'}/`
    for (const { name: path } of entries) {
      expect(path).not.toMatch(/\.(dll|dylib|exe)$/)
      if (path.includes('/bin/')) expect(path).toContain(platform)
    }
  })
})

const runtimes: Readonly<Record<string, () => Runtime>> = {
  'our own runtime': () => ({}),
  'AWS’s runtime, on the Node.js of the deployed function': () => awsRuntime,
}

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('the zips for x86_64, unzipped', () => {
  test.for(Object.entries(runtimes))('serve a lease and an evaluation in %s', async ([name, runtime], { skip }) => {
    const found = runtime()
    if ('missing' in found) {
      // Said aloud: a judge that was not there must not look like one that was content.
      const sentence = `the zips were not run in AWS's own runtime (aws-lambda-ric): ${found.missing}`
      console.warn(`SKIPPED: ${sentence}`)
      return skip(sentence)
    }
    await using world = await deployed(found)
    const { store, queue, lease } = world
    const call = (functionName: string, event: unknown) => world.call(functionName, event)
    const roll = async (one: Lease) => LeaseReport.parse(Object(await call('rollout', invocationOf([one])))[0])
    await publish(store)

    const cold = await roll(lease)
    const messages = await drain(queue)
    expect(messages.at(-1)).toEqual({ kind: 'leaseEnd', format: 1, token: lease.token, report: cold })
    expect(cold).toMatchObject({ end: 'fragments', fragments: 3, envSteps: 60, coldStart: true })
    expect(
      fragmentsOf(messages)
        .map(({ sequence }) => sequence)
        .toSorted((a, b) => a - b),
    ).toEqual([0, 1, 2])
    for (const batch of await opened(messages, store)) {
      expect(batch.provenance).toMatchObject({ envSteps: 20, policyVersion: 0 })
      validateFragment(batch, rolloutForm(lease))
    }
    const warm = await roll({ ...lease, lease: 'lease-1', firstSequence: 3 })
    expect(warm).toMatchObject({ end: 'fragments', fragments: 3, coldStart: false })
    expect(warm.start).toBeUndefined()

    const evaluation: EvaluationRequest = {
      format: 1,
      bucket: lease.bucket,
      policy: { key: keys.policy(RUN, 0), sha256: sha256Hex(cartPoleModel), spec: lease.policy },
      env: lease.env,
      episodes: 5,
      seed: 0,
      stochastic: false,
    }
    expect(EvaluationResult.parse(await call('evaluate', evaluation)).episodes).toHaveLength(5)

    const [first, second] = world.reports
    expect([first?.coldStart, second?.coldStart]).toEqual([true, false])
    console.info(coldStartLines(name, first, cold, warm))
  })
})

/** The functions of a stage as they are deployed, on the emulated S3, SQS and Lambda. */
async function deployed(runtime: { readonly bootstrap?: string; readonly node?: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-artefact-'))
  const reports: InvocationReport[] = []
  const foreignRuntime = runtime.bootstrap !== undefined
  const cloud = await localCloud({
    lambda: { ...runtime, foreignRuntime, onInvocation: (report) => reports.push(report) },
  })
  const { recording, zips } = built.x86_64
  for (const name of functions) {
    unzip(zips[name], join(folder, name))
    const inputs = recording.resources.find(
      ({ type, inputs }) => type === 'aws:lambda/function:Function' && String(inputs['name']).endsWith(name),
    )?.inputs
    const [file, exportName] = String(inputs?.['handler']).split('.') as [string, string]
    cloud.lambda.create({
      name,
      file: join(folder, name, `${file}.mjs`),
      exportName,
      memoryMb: Number(inputs?.['memorySize']),
      timeoutMs: 30_000,
      environment: { AWS_ENDPOINT_URL: cloud.endpoint },
    })
  }
  cloud.s3.createBucket('stage')
  cloud.sqs.createQueue('stage')
  const clients = { s3: s3Client(accessTo(cloud)), sqs: sqsClient(accessTo(cloud)) }
  const lambda = lambdaClient(cloud.endpoint, cloud.credentials)
  const queueUrl = `${cloud.endpoint}/000000000000/stage`
  return {
    reports,
    store: s3ObjectStore(clients.s3, 'stage'),
    queue: sqsQueue(clients.sqs, { queueUrl }),
    lease: leaseOf({ bucket: 'stage', queueUrl }),
    async call(name: string, event: unknown): Promise<unknown> {
      const { functionError, answer, log } = await invoke(lambda, name, event)
      if (functionError !== undefined) throw new Error(`${name}: ${JSON.stringify(answer)}\n${log}`)
      return answer
    },
    async [Symbol.asyncDispose]() {
      for (const client of [clients.s3, clients.sqs, lambda]) client.destroy()
      await cloud.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function coldStartLines(
  name: string,
  invocation: InvocationReport | undefined,
  { start }: LeaseReport,
  warm: LeaseReport,
): string {
  expect(start).toBeDefined()
  const parts = Object.entries({ initMs: invocation?.initMs ?? Number.NaN, ...start }).map(
    ([part, ms]) => `${part} ${ms.toFixed(1)}`,
  )
  return `cold start in ${name}: ${parts.join(', ')}; a warm lease of 3 fragments ${warm.totalMs} ms`
}
