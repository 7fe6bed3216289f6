import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeBatch, encodeBatch } from '../../../shared/batch/index.ts'
import { FORMAT_VERSION, MAX_COLUMNS, MAX_HEADER_BYTES } from '../../../shared/batch/safetensorsHeader.ts'
import { MAX_INLINE_BYTES, cheapestSpillAboveBytes } from '../../../shared/batch/spill.ts'
import { keys } from '../../../shared/protocol/keys.ts'
import { parseMessage } from '../../../shared/protocol/message.ts'
import { sampleFragment } from './arbitrary.ts'

const page = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')
const wireFormat = page('wire-format.md')

test('the messages shown in docs/wire-format.md are messages, and the pointer is the key of its fragment', () => {
  const shown = [...wireFormat.matchAll(/```json\n([^`]*"kind"[^`]*)```/g)].map(([, json = '']) => parseMessage(json))
  expect(shown.map(({ kind }) => kind)).toEqual(['fragment', 'leaseEnd'])
  for (const message of shown) {
    if (message.kind !== 'fragment') continue
    const { run, shard, lease, sequence } = message
    expect(message.body).toEqual({ in: 'bucket', key: keys.batch(run, shard, lease, sequence) })
  }
})

test('the columns of docs/wire-format.md are those of a fragment, with a dtype that each may have', () => {
  const { columns } = sampleFragment()
  const onlyOfSome = ['action_mask']
  const rows = [...wireFormat.matchAll(/^\| `([a-z_]+)` +\| ((?:F32|I32|U8|, | or )+?) +\|/gm)]
  const named = rows.map(([, name = '']) => name)
  expect(named.filter((name) => !onlyOfSome.includes(name))).toEqual(Object.keys(columns))
  expect(named).toEqual(expect.arrayContaining(onlyOfSome))
  for (const [, name = '', dtypes] of rows)
    if (!onlyOfSome.includes(name)) expect(dtypes).toContain(columns[name]?.dtype)
})

test('the numbers of docs/wire-format.md are those of the code', () => {
  for (const number of [MAX_INLINE_BYTES, cheapestSpillAboveBytes()])
    expect(wireFormat).toContain(number.toLocaleString('en-US'))
  expect(wireFormat).toContain(`more than ${MAX_COLUMNS} columns`)
  expect(wireFormat).toContain(`\`millrace: "${FORMAT_VERSION}"\``)
  expect(MAX_HEADER_BYTES).toBe(1 << 20)
})

test('the metadata that docs/python.md tells Python to write are enough for a batch to be read', () => {
  const [, written = ''] = page('python.md').match(/metadata=\{([^}]*)\}/) ?? []
  const metadata: Record<string, string> = JSON.parse(`{${written.replaceAll("'", '"')}}`)
  const header = new TextEncoder().encode(JSON.stringify({ __metadata__: metadata }))
  const bytes = new Uint8Array(8 + header.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true)
  bytes.set(header, 8)
  const { provenance } = decodeBatch(bytes)
  expect(provenance).toEqual({
    run: 'demonstrations',
    shard: 0,
    lease: 'expert',
    sequence: 0,
    policyVersion: 0,
    envSteps: 4096,
  })
  const own = new TextDecoder().decode(encodeBatch({ provenance, columns: {}, notes: {} }))
  for (const key of Object.keys(metadata)) expect(own).toContain(`"${key}":`)
})
