import fc from 'fast-check'
import { expect, test } from 'vitest'
import { S3 } from '../../../infra/local/s3/s3.ts'
import { compareUtf8 } from '../../../infra/local/s3/bucket.ts'
import { decodeAwsChunked } from '../../../infra/local/s3/checksum.ts'
import { element, textOf } from '../../../infra/local/s3/xml.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'

const unicode = fc.string({ unit: 'grapheme', maxLength: 12 })

test('keys are ordered as their UTF-8 bytes are', () => {
  fc.assert(
    fc.property(unicode, unicode, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
  )
})

test('pages of any size, put together, are the whole listing: every key once, or under its common prefix', () => {
  const keys = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '/', 'ü'), minLength: 1, maxLength: 6 }), {
    maxLength: 25,
  })
  const options = fc.record({ prefix: fc.constantFrom('', 'a', 'a/', '/'), delimiter: fc.constantFrom('', '/', 'b') })
  fc.assert(
    fc.property(keys, options, fc.integer({ min: 1, max: 5 }), (names, { prefix, delimiter }, maxKeys) => {
      const s3 = new S3({ clock: virtualClock() })
      s3.createBucket('bucket')
      for (const key of names) s3.put('bucket', key, new Uint8Array())
      const objects: string[] = []
      const groups: string[] = []
      let after: string | undefined = ''
      while (after !== undefined) {
        const page = s3.list('bucket', { prefix, delimiter, maxKeys, after })
        expect(page.objects.length + page.commonPrefixes.length).toBeLessThanOrEqual(maxKeys)
        objects.push(...page.objects.map(({ key }) => key))
        groups.push(...page.commonPrefixes)
        after = page.next
      }
      const under = names.filter((key) => key.startsWith(prefix)).sort(compareUtf8)
      const groupOf = (key: string) => {
        const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
        return cut < 0 ? undefined : key.slice(0, cut + delimiter.length)
      }
      expect(objects).toEqual(under.filter((key) => groupOf(key) === undefined))
      expect(groups).toEqual([...new Set(under.flatMap((key) => groupOf(key) ?? []))])
    }),
    { numRuns: 300 },
  )
})

test('opaque ETags are a new one for every write, and serve conditions as others do', () => {
  const s3 = new S3({ etags: 'opaque' })
  s3.createBucket('bucket')
  const body = Buffer.from('same')
  const first = s3.put('bucket', 'k', body).etag
  const second = s3.put('bucket', 'k', body, { conditions: { ifMatch: first } }).etag
  expect(second).not.toBe(first)
  expect(second).toMatch(/^"[0-9a-f]{32}"$/)
  expect(() => s3.put('bucket', 'k', body, { conditions: { ifMatch: first } })).toThrow(/pre-conditions/)
})

test('an aws-chunked stream gives back its bytes and trailer, wherever it was cut; a shortened one is refused', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 }), fc.nat(), (chunks, cut) => {
      const framed = chunks.flatMap((chunk) => [
        Buffer.from(`${chunk.length.toString(16)};chunk-signature=0\r\n`),
        chunk,
        Buffer.from('\r\n'),
      ])
      const stream = Buffer.concat([...framed, Buffer.from('0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n')])
      const whole = Buffer.concat(chunks)
      const { body, trailer } = decodeAwsChunked(stream, whole.length)
      expect(Buffer.compare(body, whole)).toBe(0)
      expect(trailer).toEqual({ 'x-amz-checksum-crc32': 'AAAAAA==' })
      const framedBytes = stream.length - '0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n'.length
      if (framedBytes > 0)
        expect(() => decodeAwsChunked(stream.subarray(0, cut % framedBytes), whole.length)).toThrow(/terminated/)
    }),
  )
})

test('any text survives XML', () => {
  fc.assert(
    fc.property(
      fc.oneof(unicode, fc.string({ unit: fc.constantFrom('&', '<', '>', '"', "'", ';', '#', 'a', '\r', '\n') })),
      (text) => {
        expect(textOf(`<A>${element('Key', text)}</A>`, 'Key')).toBe(text)
      },
    ),
  )
})
