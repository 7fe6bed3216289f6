import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keys } from '../../../shared/protocol/keys.ts'
import { type Invocation, invocationOf, parseInvocation } from '../../../shared/protocol/invocation.ts'
import type { LeaseReport } from '../../../shared/protocol/lease.ts'
import { type Manifest, encodeManifest, parseManifest } from '../../../shared/protocol/manifest.ts'
import { type FragmentMessage, type LeaseEndMessage, parseMessage } from '../../../shared/protocol/message.ts'

const sha256 = 'ab'.repeat(32)

const invocation: Invocation = {
  format: 2,
  run: 'cartpole-1',
  env: { id: 'CartPole-v1', config: { gravity: 9.8 }, code: { key: 'code/cartpole-1/abab.mjs', sha256 } },
  policy: { observation: { shape: [4] }, action: { kind: 'discrete', n: 2 }, distribution: 'categorical' },
  numEnvs: 32,
  fragmentLength: 20,
  deadline: 1_795_248_000_000,
  pacing: { mode: 'exact', perVersion: 1, lead: 1, patienceMs: 5000 },
  stages: [{ name: 'gae', params: { gamma: 0.99 } }],
  exploration: {},
  seed: 7,
  bucket: 'bucket',
  queueUrl: 'http://127.0.0.1/000000000000/queue',
  spillAboveBytes: 343_296,
  compress: false,
  maxSendsInFlight: 4,
  manifestPollMs: 200,
  leases: [
    { shard: 0, lease: 'lease-1', firstSequence: 0, maxFragments: 100 },
    { shard: 3, lease: 'lease-2', firstSequence: 7, sendFrom: 9, maxFragments: 100 },
  ],
}

const report: LeaseReport = {
  run: 'cartpole-1',
  shard: 0,
  lease: 'lease-1',
  end: 'error',
  fragments: 3,
  envSteps: 1920,
  totalMs: 12.5,
  steppingMs: 9,
  waitingMs: 1,
  coldStart: true,
  requests: { s3Put: 0, s3Get: 2, sqs: 9 },
  error: { code: 'E_ENV_STEP', message: 'CartPole-v1 gave NaN' },
}

const fragment: FragmentMessage = {
  kind: 'fragment',
  format: 1,
  run: 'cartpole-1',
  shard: 0,
  lease: 'lease-1',
  sequence: 12,
  policyVersion: 3,
  envSteps: 640,
  sha256,
  bytes: 3,
  encoding: 'safetensors',
  body: { in: 'message', base64: 'AAAA' },
}

const leaseEnd: LeaseEndMessage = { kind: 'leaseEnd', format: 1, report }

const manifest: Manifest = {
  format: 1,
  run: 'cartpole-1',
  policy: { version: 3, key: 'policies/cartpole-1/000000003.onnx', sha256, inline: 'AAAA' },
  consumed: [4, 0],
  heartbeatUntil: 1_795_248_000_000,
  stop: false,
}

/** A copy with one field changed; `path` as `policy.version`, a value of undefined leaves the field out. */
function change<T>(source: T, path: string, value: unknown): unknown {
  const copy = structuredClone(source)
  const fields = path.split('.')
  const last = fields.pop() ?? ''
  let at = copy as Record<string, unknown>
  for (const field of fields) at = at[field] as Record<string, unknown>
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

/** As a learner writes it; what is no object has no place for a digest. */
const sealed = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? encodeManifest(value as Manifest)
    : bytesOf(value)

/** Each contract with its parser, so that every guarantee below is checked on all of them. */
const contracts = {
  invocation: {
    good: invocation,
    parse: (value: unknown) => invocationOf(parseInvocation(value)),
    code: 'E_LEASE',
    another: 1,
  },
  manifest: { good: manifest, parse: (value: unknown) => parseManifest(sealed(value)), code: 'E_MANIFEST', another: 2 },
  fragment: {
    good: fragment,
    parse: (value: unknown) => parseMessage(JSON.stringify(value)),
    code: 'E_MESSAGE',
    another: 2,
  },
  leaseEnd: {
    good: leaseEnd,
    parse: (value: unknown) => parseMessage(JSON.stringify(value)),
    code: 'E_MESSAGE',
    another: 2,
  },
}

describe.each(Object.entries(contracts))('%s', (_name, { good, parse, code, another }) => {
  const refusal = (message: RegExp) => expect.objectContaining({ code, message: expect.stringMatching(message) })

  test('comes back from JSON as it was', () => {
    expect(parse(JSON.parse(JSON.stringify(good)))).toEqual(good)
  })

  test('each of its fields is needed, and its absence is named', () => {
    for (const field of Object.keys(good))
      expect(() => parse(change(good, field, undefined))).toThrow(refusal(new RegExp(`${field}: `)))
  })

  test('a field that is not known is refused and named, so that a typo is never a default', () => {
    expect(() => parse({ ...good, fragmentLenght: 3 })).toThrow(refusal(/fragmentLenght/))
  })

  test('another format version is refused', () => {
    expect(() => parse({ ...good, format: another })).toThrow(
      refusal(
        new RegExp(`format: .*${good.format}|of format ${another}, and this function reads format ${good.format}`),
      ),
    )
  })

  test('any JSON that is not one is refused in at most 600 characters', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        expect(() => parse(value)).toThrow(refusal(/^(not an? |this invocation is of format ).{1,600}$/))
      }),
    )
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field${i}`, i]))
    expect(() => parse({ ...good, ...many })).toThrow(refusal(/^(not an? |this invocation is of format ).{1,600}$/))
  })
})

test('an invocation is refused with a sentence however deep, large or odd its data are', () => {
  const deep: unknown = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))
  const odd = [
    deep,
    { a: deep },
    JSON.parse('{"__proto__":1}'),
    JSON.parse('{"a":1e999}'),
    Array.from({ length: 200_000 }, () => 0),
  ]
  for (const data of odd) {
    for (const event of [
      { ...invocation, env: { ...invocation.env, config: data } },
      { ...invocation, stages: [{ name: 'gae', params: data }] },
      { ...invocation, exploration: data },
      { ...invocation, run: data },
      data,
    ])
      expect(() => parseInvocation(event)).toThrow(expect.objectContaining({ code: 'E_LEASE' }))
  }
})

describe('a wrong field is named with what was expected', () => {
  test.each<[keyof typeof contracts, path: string, value: unknown, expected: RegExp]>([
    ['invocation', 'numEnvs', 0, /numEnvs: .*1/],
    ['invocation', 'fragmentLength', 2.5, /fragmentLength: .*int/],
    ['invocation', 'env.code.sha256', 'AB'.repeat(32), /env\.code\.sha256: expected 64 lower-case hex digits/],
    ['invocation', 'pacing.mode', 'newst', /pacing\.mode: .*"exact"\|"newest"/],
    ['invocation', 'policy.action.kind', 'dicrete', /policy\.action\.kind: /],
    ['invocation', 'policy.action.n', 1, /policy\.action\.n: .*2/],
    ['invocation', 'stages.0.name', '', /stages\.0\.name: /],
    ['invocation', 'leases.1.firstSequence', -1, /leases\.1\.firstSequence: /],
    ['invocation', 'leases', [], /an invocation without a lease/],
    ['invocation', 'leases.1.shard', 0, /two leases of one shard/],
    ['manifest', 'policy.version', -1, /policy\.version: .*0/],
    ['manifest', 'policy.sha256', 'x', /policy\.sha256: expected 64/],
    ['manifest', 'heartbeatUntil', null, /heartbeatUntil: .*number/],
    ['fragment', 'encoding', 'gzip', /encoding: .*"safetensors"\|"safetensors\+deflate"/],
    ['fragment', 'sequence', -1, /sequence: /],
    ['fragment', 'body.in', 'pocket', /body\.in: /],
    ['fragment', 'body.base64', '', /body\.base64: /],
    ['fragment', 'kind', 'fragmnt', /kind: /],
    ['leaseEnd', 'report.end', 'bored', /report\.end: .*"heartbeat"/],
    ['leaseEnd', 'report.requests.sqs', -1, /report\.requests\.sqs: /],
  ])('%s %s = %j', (name, path, value, expected) => {
    const { good, parse, code } = contracts[name]
    expect(() => parse(change(good, path, value))).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(expected) }),
    )
  })
})

/** As AWS's documentation shows it, with an invocation of ours as the event. */
const failure = {
  version: '1.0',
  timestamp: '2026-11-21T09:00:00.568Z',
  requestContext: {
    requestId: 'e4b46cbf-b738-4880-a18c-df61200e0001',
    functionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:millrace-demo-rollout:$LATEST',
    condition: 'RetriesExhausted',
    approximateInvokeCount: 1,
  },
  requestPayload: invocation,
  responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
  responsePayload: {
    errorType: 'Runtime.ExitError',
    errorMessage: 'RequestId: e4b46cbf-b738-4880-a18c-df61200e0001 Error: Runtime exited with error: signal: killed',
  },
}

describe("Lambda's record of an invocation that failed", () => {
  const parsed = (value: unknown) => parseMessage(JSON.stringify(value))
  const leases = [
    { shard: 0, lease: 'lease-1' },
    { shard: 3, lease: 'lease-2' },
  ]
  const of = { kind: 'invocationFailed', run: 'cartpole-1', leases }

  test('names the leases, and why in the platform’s words', () => {
    const reason = 'the function ended with an error: Error: Runtime exited with error: signal: killed'
    expect(parsed(failure)).toEqual({ ...of, started: true, reason })
    expect(parsed({ ...failure, responsePayload: null })).toMatchObject({ started: true })
  })

  test('tells a function that failed from one that never began', () => {
    const { responseContext: _, responsePayload: __, ...rest } = failure
    const aged = { ...rest, requestContext: { ...rest.requestContext, condition: 'EventAgeExceeded' } }
    const never = { ...of, started: false, reason: 'it was not started (EventAgeExceeded)' }
    expect(parsed(aged)).toEqual(never)
    expect(parsed({ ...aged, responseContext: null, responsePayload: null })).toEqual(never)
  })

  test('of an event that was no invocation of ours is refused', () => {
    expect(() => parsed({ ...failure, requestPayload: { hello: 1 } })).toThrow(
      expect.objectContaining({ code: 'E_MESSAGE', message: expect.stringMatching(/requestPayload\.run/) }),
    )
  })
})

test('what is optional may be absent', () => {
  expect(parseInvocation(change(invocation, 'env.code', undefined))[0].env).not.toHaveProperty('code')
  expect(contracts.manifest.parse(change(manifest, 'policy.inline', undefined)).policy).not.toHaveProperty('inline')
  expect(contracts.leaseEnd.parse(change(leaseEnd, 'report.error', undefined))).not.toHaveProperty('report.error')
})

test('a manifest that was damaged in any bit, or cut short anywhere, is refused', () => {
  const whole = encodeManifest(manifest)
  for (let bit = 0; bit < whole.byteLength * 8; bit++) {
    const flipped = whole.slice()
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => parseManifest(flipped)).toThrow(expect.objectContaining({ code: 'E_MANIFEST' }))
  }
  for (let length = 0; length < whole.byteLength; length++)
    expect(() => parseManifest(whole.subarray(0, length))).toThrow(expect.objectContaining({ code: 'E_MANIFEST' }))
})

test('a manifest survives its encoding; bytes that are not JSON, or not UTF-8, are refused', () => {
  expect(parseManifest(encodeManifest(manifest))).toEqual(manifest)
  const refusal = expect.objectContaining({ code: 'E_MANIFEST' })
  expect(() => parseManifest(Uint8Array.of(0xff))).toThrow(refusal)
  expect(() => parseManifest(encodeManifest(manifest).subarray(1))).toThrow(refusal)
  expect(() => parseMessage('{"kind":')).toThrow(expect.objectContaining({ code: 'E_MESSAGE' }))
})

test('a manifest with any bit flipped, cut anywhere, or without its digest is refused', () => {
  const good = encodeManifest(manifest)
  const refusal = expect.objectContaining({ code: 'E_MANIFEST' })
  for (let at = 0; at < good.length; at++) {
    const flipped = good.slice()
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
    expect(() => parseManifest(flipped), `bit ${at % 8} of byte ${at}`).toThrow(refusal)
    expect(() => parseManifest(good.subarray(0, at))).toThrow(refusal)
  }
  expect(() => parseManifest(bytesOf(manifest))).toThrow(
    expect.objectContaining({ code: 'E_MANIFEST', message: 'the manifest has no digest at its end' }),
  )
})

test('what dies at another time lies under another prefix, each fragment and version has its own key, and they list in order', () => {
  const number = fc.nat(999_999_999)
  fc.assert(
    fc.property(number, number, (a, b) => {
      const policies = [a, b].map((version) => keys.policy('r', version))
      const batches = [a, b].map((sequence) => keys.batch('r', 0, 'lease-1', sequence))
      const checkpoints = [a, b].map((updates) => keys.checkpoint('r', updates))
      for (const [prefix, [first = '', second = '']] of [
        ['policies/r/', policies],
        ['batches/r/', batches],
        ['checkpoints/r/', checkpoints],
      ] as const) {
        expect(first.startsWith(prefix)).toBe(true)
        expect(first < second).toBe(a < b)
        expect(first === second).toBe(a === b)
      }
    }),
  )
  for (const key of [keys.manifest('r'), keys.status('r'), keys.stop('r'), keys.result('r', 'policy.onnx')])
    expect(key.startsWith('runs/r/')).toBe(true)
})
