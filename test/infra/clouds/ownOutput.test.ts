import { expect, test, vi } from 'vitest'
import { OwnOutput } from '../../../infra/clouds/ownOutput.ts'
import type { FunctionOutput } from '../../../learner/run/cloud.ts'

test('what is written from within goes to the listener in whole lines with its shard; the rest of the process writes as ever', async () => {
  const passed: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => (passed.push(String(chunk)), true))
  const writer = (): unknown => Reflect.get(process.stdout, 'write')
  const mocked = writer()
  const got: FunctionOutput[] = []
  const output = new OwnOutput((line) => {
    got.push(line)
    process.stdout.write(`shown ${line.text}\n`)
  })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const lease = (shard: number) =>
    output.run(shard, async () => {
      process.stdout.write(`a${shard}`)
      await turn()
      process.stdout.write(Buffer.from(`b${shard}\nrest`))
      process.stderr.write(`e${shard}\n`)
    })
  const both = [lease(0), lease(1)]
  process.stdout.write('mine\n')
  await Promise.all(both)
  output.close()
  expect(writer()).toBe(mocked)
  write.mockRestore()
  expect(got.toSorted((a, b) => a.shard! - b.shard!)).toEqual(
    [0, 1].flatMap((shard) => [
      { shard, stream: 'stdout', text: `a${shard}b${shard}` },
      { shard, stream: 'stderr', text: `e${shard}` },
      { shard, stream: 'stdout', text: 'rest' },
    ]),
  )
  expect(passed[0]).toBe('mine\n')
  expect(passed.slice(1).every((text) => text.startsWith('shown '))).toBe(true)
})
