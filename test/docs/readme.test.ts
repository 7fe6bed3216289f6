import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'

const root = packageRoot()
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const readme = read('README.md')

test('the example in the README is the file that it names', () => {
  const code = /```ts\n\/\/ examples\/cartpole\.ts\n([^]*?)```/.exec(readme)?.[1]
  expect(code?.trim()).toBe(read('examples/cartpole.ts').trim())
})

test('every file that the README links to is there, and the commands it starts with are scripts', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, file]) => file ?? '')
  expect(links.length).toBeGreaterThan(5)
  for (const file of links) expect(existsSync(join(root, file)), file).toBe(true)
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const [, name] of readme.matchAll(/npm run ([a-z:]+)/g)) expect(Object.keys(scripts)).toContain(name)
})

test('it is short, and fits a terminal of 120 columns', () => {
  const lines = readme.trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(120)
  expect(lines.filter((line) => line.length > 120)).toEqual([])
})

test('it says what is supported and what is not, that npm does not have it yet, and leaves tables of AWS to its page', () => {
  const table = readme.slice(readme.indexOf('## What is supported'), readme.indexOf('## On AWS'))
  expect(table).toMatch(/^\| what +\| now +\| not yet +\|$/m)
  for (const row of ['algorithms', 'actions', 'observations', 'networks', 'clouds'])
    expect(table).toMatch(new RegExp(`^\\| ${row} `, 'm'))
  expect(readme.indexOf('## What is supported')).toBeLessThan(readme.indexOf('## On AWS'))
  expect(readme).toMatch(/not on npm yet/)
  const ofAws = readme.slice(readme.indexOf('## On AWS'), readme.indexOf('## Speed'))
  expect(ofAws).not.toMatch(/^\|/m)
  expect(read('docs/aws.md')).toMatch(/verified/i)
  expect(read('docs/aws.md')).toMatch(/doctor/)
})

test('it explains the words that the command prints', () => {
  const words = readme.slice(readme.indexOf('## Words'))
  for (const word of ['Rollout', 'Shard', 'Lease', 'Fragment', 'Policy lag', 'Plan', 'Learner', 'Deterministic'])
    expect(words).toContain(`**${word}**`)
})
