import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly engines?: { readonly node?: string }; readonly version?: string }>
  >
}
const { packages } = JSON.parse(readFileSync(join(packageRoot(), 'package-lock.json'), 'utf8')) as Lock

type Version = readonly [number, number, number]
const version = (text: string): Version => {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map((part) => Number.parseInt(part, 10) || 0)
  return [major, minor, patch]
}
const below = (a: Version, b: Version): boolean => {
  const i = a.findIndex((part, place) => part !== b[place])
  return i >= 0 && a[i]! < b[i]!
}

/** Ranges as packages write them for Node.js: `>=20`, `^20.19.0 || >=22.12`, `18 || 20`, `>= 14.17 <25`. */
function satisfies(node: Version, range: string): boolean {
  return range.split('||').some((clause) =>
    [...clause.matchAll(/(>=|<=|<|>|\^|~)?\s*v?(\d[\d.x*]*)|\*/g)].every(([all, operator, wanted = '']) => {
      const bound = version(wanted)
      if (all === '*') return true
      if (operator === '>=') return !below(node, bound)
      if (operator === '>') return below(bound, node)
      if (operator === '<') return below(node, bound)
      if (operator === '<=') return !below(bound, node)
      return node[0] === bound[0] && !below(node, bound)
    }),
  )
}

const unhappy = (node: string, lock = packages): string[] =>
  Object.entries(lock).flatMap(([path, { engines, version: at }]) =>
    engines?.node !== undefined && !satisfies(version(node), engines.node) ? [`${path}@${at}: ${engines.node}`] : [],
  )

test.each(['20.19.0', '22.13.0', '24.0.0'])('npm ci on Node.js %s warns of no engine', (node) => {
  expect(Object.values(packages).filter(({ engines }) => engines?.node !== undefined).length).toBeGreaterThan(100)
  expect(unhappy(node)).toEqual([])
})

test('a package that wants a newer one is found', () => {
  for (const range of ['>=22', '^22.1.0 || >=24', '>= 20.20', '22', '>=18 <20'])
    expect(unhappy('20.19.0', { planted: { version: '1.0.0', engines: { node: range } } })).toEqual([
      `planted@1.0.0: ${range}`,
    ])
  for (const range of ['>=20', '*', '^18 || ^20.19.0 || >=22', '20.x', '>=10.0.0'])
    expect(unhappy('20.19.0', { planted: { version: '1.0.0', engines: { node: range } } })).toEqual([])
})
