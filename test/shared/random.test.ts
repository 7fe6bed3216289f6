import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random, deriveSeed } from '../../shared/random.ts'

const draw = (random: Random, n: number) => Array.from({ length: n }, () => random.nextUint32())

/** sfc32 as PractRand publishes it, in exact integers. */
function* sfc32([a, b, c, counter]: readonly [number, number, number, number]): Generator<number> {
  const word = (x: bigint) => BigInt.asUintN(32, x)
  let [A, B, C, N] = [word(BigInt(a)), word(BigInt(b)), word(BigInt(c)), word(BigInt(counter))]
  for (;;) {
    const t = word(A + B + N)
    N = word(N + 1n)
    A = B ^ (B >> 9n)
    B = word(C + (C << 3n))
    C = word(word((C << 21n) | (C >> 11n)) + t)
    yield Number(t)
  }
}

test('the stream is sfc32', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (seed) => {
      const random = new Random(seed)
      const reference = sfc32(random.save())
      expect(draw(random, 50)).toEqual(Array.from({ length: 50 }, () => reference.next().value))
    }),
  )
})

test('fixed seeds give these numbers for ever: a change here changes every recorded run', () => {
  expect(draw(new Random(0), 3)).toMatchInlineSnapshot(`
    [
      1427488602,
      1980682239,
      456575201,
    ]
  `)
  expect(draw(new Random(1), 3)).toMatchInlineSnapshot(`
    [
      573063952,
      3268221502,
      703077755,
    ]
  `)
  expect(draw(new Random(2 ** 53 - 1), 3)).toMatchInlineSnapshot(`
    [
      4251970214,
      283121339,
      3233253927,
    ]
  `)
  expect([deriveSeed(1, 2, 3), deriveSeed('env', 0), deriveSeed()]).toMatchInlineSnapshot(`
    [
      6446381057392062,
      1302136032906363,
      1112412287564811,
    ]
  `)
})

test('all 53 bits of a seed count', () => {
  const streams = Array.from({ length: 53 }, (_, bit) => draw(new Random(2 ** bit), 4).join())
  expect(new Set([...streams, draw(new Random(0), 4).join()]).size).toBe(54)
})

test('a saved stream goes on where it was', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(100), (seed, before) => {
      const random = new Random(seed)
      draw(random, before)
      const saved = random.save()
      const expected = draw(random, 10)
      const other = new Random(0)
      other.load(structuredClone(saved))
      expect(draw(other, 10)).toEqual(expected)
    }),
  )
})

describe('distributions, each within five standard errors over 200,000 draws of a fixed seed', () => {
  const n = 200_000
  const mean = (next: () => number) => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += next()
    return sum / n
  }
  const near = (value: number, expected: number, deviation: number) => {
    expect(Math.abs(value - expected)).toBeLessThan((5 * deviation) / Math.sqrt(n))
  }

  test('uniform: mean 1/2, variance 1/12, never 1', () => {
    const random = new Random(11)
    near(
      mean(() => random.uniform()),
      1 / 2,
      Math.sqrt(1 / 12),
    )
    near(
      mean(() => (random.uniform() - 0.5) ** 2),
      1 / 12,
      Math.sqrt(1 / 180),
    )
    fc.assert(fc.property(fc.maxSafeNat(), (seed) => new Random(seed).uniform() < 1))
  })

  test('uniformBetween: between its bounds, mean in the middle', () => {
    const random = new Random(12)
    near(
      mean(() => random.uniformBetween(-3, 1)),
      -1,
      4 * Math.sqrt(1 / 12),
    )
    fc.assert(fc.property(fc.maxSafeNat(), (seed) => Math.abs(new Random(seed).uniformBetween(-0.05, 0.05)) <= 0.05))
  })

  test('normal: mean 0, variance 1, a third moment of 0 and a fourth of 3', () => {
    const random = new Random(13)
    near(
      mean(() => random.normal()),
      0,
      1,
    )
    near(
      mean(() => random.normal() ** 2),
      1,
      Math.sqrt(2),
    )
    near(
      mean(() => random.normal() ** 3),
      0,
      Math.sqrt(15),
    )
    near(
      mean(() => random.normal() ** 4),
      3,
      Math.sqrt(96),
    )
  })

  test('integer: every value equally often (chi-square with 9 degrees of freedom, p > 0.001)', () => {
    const random = new Random(14)
    const counts = new Float64Array(10)
    for (let i = 0; i < n; i++) counts[random.integer(10)]! += 1
    const chiSquare = counts.reduce((sum, count) => sum + (count - n / 10) ** 2 / (n / 10), 0)
    expect(chiSquare).toBeLessThan(27.88)
  })
})

describe('derived seeds', () => {
  test('are whole, safe, the same for the same parts, and another for any other', () => {
    const part = fc.oneof(fc.maxSafeInteger(), fc.string({ maxLength: 6 }))
    const parts = fc.array(part, { maxLength: 4 })
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(deriveSeed(...a)).toBe(deriveSeed(...a))
        expect(Number.isSafeInteger(deriveSeed(...a)) && deriveSeed(...a) >= 0).toBe(true)
        expect(deriveSeed(...a) === deriveSeed(...b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
  })

  test('do not mistake a number for its text, nor where one part ends', () => {
    expect(
      new Set([deriveSeed(12), deriveSeed('12'), deriveSeed(1, 2), deriveSeed('1', '2'), deriveSeed('1', 2)]).size,
    ).toBe(5)
  })

  test('of leases under two run seeds, their retries, and evaluations under the same seeds never meet', () => {
    const streams: number[] = []
    for (const seed of [1, 2]) {
      const vectors = [deriveSeed(seed, 'evaluate')]
      for (let shard = 0; shard < 4; shard++)
        for (let sequence = 0; sequence < 100; sequence++)
          vectors.push(deriveSeed(seed, shard, sequence), deriveSeed(seed, shard, sequence, 'retry', 1))
      for (const vector of vectors) for (let env = 0; env < 16; env++) streams.push(deriveSeed(vector, 'env', env))
    }
    expect(new Set(streams).size).toBe(streams.length)
    expect(new Set(streams.map((stream) => new Random(stream).uniform())).size).toBe(streams.length)
  })

  test('of 102,400 episodes of a run are all different, and so are the first numbers of their streams', () => {
    const seeds = new Set<number>()
    const firsts = new Set<string>()
    for (let shard = 0; shard < 32; shard++) {
      for (let lease = 0; lease < 32; lease++) {
        for (let episode = 0; episode < 100; episode++) {
          const seed = deriveSeed(1, shard, lease, episode)
          seeds.add(seed)
          firsts.add(draw(new Random(seed), 2).join())
        }
      }
    }
    expect([seeds.size, firsts.size]).toEqual([102_400, 102_400])
  })
})

test('a call with arguments that it does not take is refused, for it would draw something else than what was meant', () => {
  const random = new Random(1) as unknown as Record<
    'uniform' | 'uniformBetween' | 'integer' | 'normal',
    (...a: number[]) => number
  >
  expect(() => random.uniform(-1, 1)).toThrow(
    'random.uniform() takes no arguments; uniformBetween(low, high) takes bounds',
  )
  expect(() => random.uniformBetween(1)).toThrow(/takes two bounds/)
  expect(() => random.integer(2, 5)).toThrow(/0 … n-1; add the lowest to it/)
  expect(() => random.integer()).toThrow(/takes one number/)
  expect(() => random.normal(0, 2)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
})
