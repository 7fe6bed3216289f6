import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMappings, encodeMappings, type Segment } from '../../../library/load/mappings.ts'
import { withUserMap } from '../../../library/load/userMap.ts'
import { userModule } from '../../../shared/userCode/known.ts'
import { knowBundle } from '../../../shared/userCode/sourceMapped.ts'

const count = fc.nat({ max: 2_000_000 })
const segment = fc.oneof(fc.tuple(count), fc.tuple(count, count, count, count)) as fc.Arbitrary<Segment>

test('mappings survive being written and read', () => {
  fc.assert(
    fc.property(fc.array(fc.array(segment, { maxLength: 6 }), { minLength: 1, maxLength: 6 }), (lines) => {
      expect(decodeMappings(encodeMappings(lines))).toEqual(lines)
    }),
  )
  expect(encodeMappings([[[0, 0, 15, -1]], [], [[16]]])).toBe('AAeD;;gB')
})

test('only the user’s files are named, by absolute path; what comes from others comes from nowhere', () => {
  const map = {
    version: 3,
    sources: ['lib/index.js', 'a b.ts', 'lib/other.js'],
    mappings: encodeMappings([
      [
        [0, 0, 5, 0],
        [10, 1, 3, 4],
        [20, 1, 4, 0],
        [30, 2, 0, 0],
        [40, 0, 9, 9],
        [50, 1, 8, 0],
      ],
      [],
      [[7, 0, 1, 1]],
    ]),
  }
  const bytes = (text: string) => new TextEncoder().encode(text)
  const made = withUserMap(bytes('code'), bytes(JSON.stringify(map)), {
    outfile: '/home/u/out.mjs',
    foreign: (file) => file.startsWith('/home/u/lib/'),
  })
  const [code, encoded = ''] = new TextDecoder()
    .decode(made)
    .split('\n//# sourceMappingURL=data:application/json;base64,')
  expect(code).toBe('code')
  const { sources, mappings } = JSON.parse(Buffer.from(encoded, 'base64').toString()) as typeof map
  expect(sources).toEqual(['/home/u/a b.ts'])
  expect(decodeMappings(mappings)).toEqual([
    [[0], [10, 0, 3, 4], [20, 0, 4, 0], [30], [50, 0, 8, 0]],
    [[0]],
    [],
    [[0]],
    [],
  ])
})

test('Node.js reads the map as it is meant', () => {
  const map = { version: 3, sources: ['lib.js', 'mine.ts'], mappings: 'AAAA,KCEA,KDAA' }
  const bytes = (text: string) => new TextEncoder().encode(text)
  const options = { outfile: '/u/out.mjs', foreign: (file: string) => file === '/u/lib.js' }
  const text = new TextDecoder().decode(withUserMap(bytes('code'), bytes(JSON.stringify(map)), options))
  knowBundle('/u/out.mjs', text)
  const places = [1, 6, 10, 11, 99].map((column) => userModule('/u/out.mjs')?.original(1, column))
  const mine = { file: '/u/mine.ts', line: 3, column: 1 }
  expect(places).toEqual([undefined, mine, mine, undefined, undefined])
  expect(userModule('/u/out.mjs')?.original(7, 1)).toBeUndefined()
})
