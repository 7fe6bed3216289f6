import type { IncomingMessage } from 'node:http'
import { parseRecord } from '../../../cli/stage/runRecords.ts'
import { batchEntries, integer, outgoing, parseInput, stringList, stringMap } from '../../../infra/local/sqs/input.ts'
import { parseRedrive } from '../../../infra/local/sqs/attributes.ts'
import { decodeAwsChunked, verifyChecksums } from '../../../infra/local/s3/checksum.ts'
import { routeS3 } from '../../../infra/local/s3/route.ts'
import { elements, textOf } from '../../../infra/local/s3/xml.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../../learner/checkpoint/checkpoint.ts'
import { parsedOrUndefined } from '../../../learner/stage/bucketRecords.ts'
import { LearnerClaim, RunRequest, RunStatus } from '../../../learner/stage/records.ts'
import { PolicyRecord } from '../../../learner/run/files.ts'
import {
  decodeBatch,
  encodeBatch,
  fromMessage,
  openSealed,
  packFragment,
  sealBatch,
  validateFragment,
} from '../../../shared/batch/index.ts'
import { JsonObject } from '../../../shared/protocol/json.ts'
import { parseEvaluation } from '../../../shared/protocol/evaluation.ts'
import { invocationOf, parseInvocation } from '../../../shared/protocol/invocation.ts'
import { encodeManifest, parseManifest } from '../../../shared/protocol/manifest.ts'
import { parseMessage } from '../../../shared/protocol/message.ts'
import { parseJson } from '../../../shared/protocol/parseJson.ts'
import { parseStage } from '../../../shared/protocol/stage.ts'
import { runningStatus } from '../../cli/stage/fakeStage.ts'
import { stageOf } from '../../fakes/stageDescription.ts'
import { reportOf } from '../../learner/rollouts/inboxes.ts'
import { formOf, sampleFragment } from '../../shared/batch/arbitrary.ts'
import { leaseOf } from '../../shared/rollout/leases.ts'

/** Something that reads what may come from anywhere, and good inputs for it. */
export interface Target {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  readonly decode: (bytes: Uint8Array) => void
}

const size = { T: 4, B: 3, D: 2 }
const fragment = sampleFragment(size)
const bytesOf = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const textFrom = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const sha256 = 'ab'.repeat(32)
const stored = { key: 'code/run-1/abab.mjs', sha256 }
const env = { id: 'CartPole-v1', config: { gravity: 9.8, nested: { list: [1, 2, { a: null }] } } }
const spec = leaseOf().policy

const messages = [false, true].map((compress) => {
  const wide = sampleFragment({ T: 20, B: 8, D: 4 })
  const { provenance, encoding, body, sha256: hash } = packFragment(compress ? wide : fragment, { compress })
  const base64 = Buffer.from(body).toString('base64')
  return {
    kind: 'fragment',
    format: 1,
    ...provenance,
    sha256: hash,
    bytes: body.length,
    encoding,
    body: { in: 'message', base64 },
  }
})

const checkpoint = encodeCheckpoint({
  run: 'run-1',
  experiment: 'a'.repeat(64),
  program: {
    sets: { actor: { weights: new Float32Array(50).fill(0.5), slots: { mean: new Float32Array(50) }, step: 3 } },
    scalars: { kl_coef: 0.2 },
    calls: { update: 3 },
    random: [1, 2, 3, 4],
  },
  state: {
    clocks: { envSteps: 9, trainedSteps: 9, updates: 3 },
    stale: { fragments: 0, envSteps: 0 },
    episodes: 2,
    lastReturns: [1, 2],
  },
  report: { elapsedMs: 5, curveStride: 1, curve: [{ update: 1, point: [3, 1] }] },
  costByPart: { functions: 0.25 },
})

const request = {
  format: 1,
  run: 'run-1',
  experiment: 'cartpole',
  millrace: '0.1.0',
  requestedAt: 5,
  module: stored,
  envCode: stored,
  set: { seed: '3' },
}
const policyRecord = { format: 1, run: 'run-1', policyVersion: 3, sha256, spec, env: { ...env, own: false } }
const evaluation = {
  format: 1,
  bucket: 'bucket',
  policy: { key: 'p', sha256, spec },
  env: { ...env, code: stored },
  episodes: 10,
  seed: 1,
  stochastic: false,
}
const manifest = encodeManifest({
  format: 1,
  run: 'run-1',
  policy: { version: 3, key: 'policies/run-1/000000003.onnx', sha256, inline: 'QUJD' },
  earlier: [
    [1, 'ab'.repeat(16)],
    [2, 'cd'.repeat(16)],
  ],
  consumed: [4, 5, 6],
  heartbeatUntil: 9e12,
  stop: false,
})
const report = {
  kind: 'leaseEnd',
  format: 1,
  report: { ...reportOf(), envState: stored, error: { code: 'E_ENV_STEP', message: 'm', where: { env: 'x', n: 1 } } },
}
const failed = {
  requestContext: { requestId: 'r', condition: 'RetriesExhausted' },
  requestPayload: invocationOf([leaseOf(), leaseOf({ shard: 1, lease: 'lease-1' })]),
  responsePayload: { errorMessage: 'm' },
}
const sqs = {
  QueueUrl: 'http://localhost/0/q',
  MessageBody: 'x',
  DelaySeconds: 1,
  Attributes: { VisibilityTimeout: '30', RedrivePolicy: '{"deadLetterTargetArn":"arn:x","maxReceiveCount":3}' },
  MessageAttributes: { a: { DataType: 'String', StringValue: 'b' } },
  Entries: [
    { Id: 'a', MessageBody: 'x' },
    { Id: 'b', MessageBody: 'y', DelaySeconds: 3 },
  ],
  MessageAttributeNames: ['All'],
}
const chunked = '5;chunk-signature=ab\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n'
const xml = '<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c&#x41;</Key></Object><Quiet>true</Quiet></Delete>'

/** Of what carries a digest, nothing is taken that was changed by a single bit. */
const unaltered = (whole: Uint8Array, decode: (bytes: Uint8Array) => unknown) => (bytes: Uint8Array) => {
  decode(bytes)
  if (Buffer.compare(bytes, whole) !== 0) throw new Error('it was altered, and taken')
}

/** As Lambda's runtime does, before any code of ours. */
const event = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(textFrom(bytes))
  } catch {
    return undefined
  }
}

const asRequest = (line: string): IncomingMessage => {
  const [method = 'GET', url = '/', host = ''] = line.split(' ')
  return { method, url, headers: { host } } as unknown as IncomingMessage
}

export const targets: readonly Target[] = [
  {
    name: 'batch',
    seeds: [encodeBatch(fragment), encodeBatch(sampleFragment(size, 11))],
    decode: (bytes) => validateFragment(decodeBatch(bytes), formOf(size)),
  },
  { name: 'recorded batch', seeds: [sealBatch(fragment)], decode: unaltered(sealBatch(fragment), openSealed) },
  { name: 'checkpoint', seeds: [checkpoint], decode: unaltered(checkpoint, decodeCheckpoint) },
  {
    name: 'message',
    seeds: [...messages, report, failed].map(bytesOf),
    decode(bytes) {
      const message = parseMessage(textFrom(bytes))
      if (message.kind === 'fragment' && message.body.in === 'message')
        fromMessage(message, Buffer.from(message.body.base64, 'base64'))
    },
  },
  {
    name: 'invocation',
    seeds: [bytesOf(invocationOf([leaseOf({ env, stages: [{ name: 's', params: { a: [1] } }] })]))],
    decode: (bytes) => void parseInvocation(event(bytes)),
  },
  { name: 'evaluation', seeds: [bytesOf(evaluation)], decode: (bytes) => void parseEvaluation(event(bytes)) },
  { name: 'manifest', seeds: [manifest], decode: (bytes) => void parseManifest(bytes) },
  { name: 'stage', seeds: [bytesOf(stageOf({}))], decode: (bytes) => void parseStage(textFrom(bytes)) },
  {
    name: 'status',
    seeds: [bytesOf(runningStatus('run-1', 3))],
    decode: (bytes) => void parseRecord(RunStatus, bytes, 'status'),
  },
  { name: 'request', seeds: [bytesOf(request)], decode: (bytes) => void parsedOrUndefined(RunRequest, bytes) },
  {
    name: 'claim',
    seeds: [bytesOf({ format: 1, learner: 'l', host: 'h', startedAt: 1, heartbeatUntil: 2, run: 'run-1' })],
    decode: (bytes) => void parsedOrUndefined(LearnerClaim, bytes),
  },
  {
    name: 'policy record',
    seeds: [bytesOf(policyRecord)],
    decode: (bytes) => void parseRecord(PolicyRecord, bytes, 'policy.json'),
  },
  {
    name: 'config',
    seeds: [bytesOf(env.config)],
    decode(bytes) {
      try {
        JsonObject.safeParse(parseJson(textFrom(bytes)))
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error // what `parseJson` promises its callers
      }
    },
  },
  {
    name: 'sqs',
    seeds: [bytesOf(sqs)],
    decode(bytes) {
      const input = parseInput(Buffer.from(bytes))
      for (const read of [
        () => outgoing(input),
        () => batchEntries(input).map(outgoing),
        () => integer(input, 'DelaySeconds', [0, 900]),
      ])
        tolerant(read)
      stringList(input, 'MessageAttributeNames')
      tolerant(() => parseRedrive(stringMap(input, 'Attributes')['RedrivePolicy']))
    },
  },
  {
    name: 's3 chunks',
    seeds: [bytesOf(chunked)],
    decode(bytes) {
      const body = Buffer.from(bytes)
      tolerant(() => decodeAwsChunked(body, 5))
      tolerant(() => decodeAwsChunked(body, Number(textFrom(bytes.subarray(0, 12)))))
      tolerant(() => verifyChecksums(body, { 'content-md5': textFrom(bytes.subarray(0, 24)) }))
    },
  },
  {
    name: 's3 xml',
    seeds: [bytesOf(xml)],
    decode: (bytes) => void elements(textFrom(bytes), 'Object').map((object) => textOf(object, 'Key')),
  },
  {
    name: 's3 route',
    seeds: [
      'GET /bucket?list-type=2&prefix=a localhost',
      'GET /bucket/a%2Fb localhost',
      'PUT /b/k?uploadId=1&partNumber=2 b.s3.localhost:1',
    ].map(bytesOf),
    decode: (bytes) => void routeS3(asRequest(textFrom(bytes))),
  },
]

/** Each of several readers gets its turn; an untyped error goes on up. */
function tolerant(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AwsError') throw error
  }
}
