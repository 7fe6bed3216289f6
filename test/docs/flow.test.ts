import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { packageRoot } from '../../infra/local/packageRoot.ts'
import { Plan, operator } from '../../learner/flow/index.ts'

const page = readFileSync(join(packageRoot(), 'docs/flow.md'), 'utf8')

test('the example on the page prints what it says', async () => {
  const code = /```ts\n([^]*?)```/.exec(page)?.[1] ?? ''
  const printed: unknown[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((value) => void printed.push(value))
  const file = join(packageRoot(), 'test/docs/page.generated.ts')
  try {
    writeFileSync(file, code.replace('millrace/flow', '../../learner/flow/index.ts'))
    await import(file)
  } finally {
    log.mockRestore()
    rmSync(file)
  }
  expect(printed.slice(0, 2)).toEqual([
    [10, 20],
    [30, 40],
  ])
  expect(printed[2]).toMatch(/^(graph|flowchart)/)
})

test('the page names only methods that exist', () => {
  const plan = new Plan('names')
  const flow = plan.source('none', [] as number[]).via(operator({ name: 'same', each: (x: number) => x })(undefined))
  for (const name of [
    'forEach',
    'filter',
    'batch',
    'flatten',
    'take',
    'combine',
    'via',
    'union',
    'duplicate',
    'split',
    'enqueue',
  ]) {
    expect(page).toContain(`\`${name}`)
    expect(flow).toHaveProperty(name)
  }
  for (const name of ['source', 'queue', 'dequeue', 'concurrently', 'graph', 'measures', 'save', 'load'])
    expect(plan).toHaveProperty(name)
})
