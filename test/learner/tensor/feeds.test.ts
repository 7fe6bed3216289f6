import { expect, test } from 'vitest'
import * as t from '../../../learner/tensor/index.ts'
import { isMillraceError } from '../../../shared/errors.ts'

const x = t.input('x', ['N', 2])
const y = t.input('y', ['N', 1])
const feeds = { x: t.float32([1, 2, 3, -1, 0.5, 0], [3, 2]), y: t.float32([1, 2, 3], [3, 1]) }

test.each<[string, Record<string, t.HostTensor>, RegExp]>([
  ['missing', { x: feeds.x }, /"y" of graph "sums" is missing/],
  ['of another rank', { ...feeds, y: t.float32([1, 2, 3]) }, /"y".*is float32 \[3\], expected float32 \[N, 1\]/],
  ['of another type', { ...feeds, x: t.int32([1, 2], [1, 2]) }, /"x".*is int32 \[1, 2\], expected float32 \[N, 2\]/],
  ['of too few elements', { ...feeds, x: { ...feeds.x, shape: [4, 2] } }, /"x".*has 6 elements for \[4, 2\]/],
])('a feed that is %s is named, with what it should be', async (_, given, message) => {
  const program = await t.onnxRuntimeEngine().load({ name: 'sums', inputs: [x, y], outputs: { sum: t.add(x, y) } })
  await expect(program.run(given)).rejects.toThrow(message)
  await expect(program.run(given)).rejects.toSatisfy((error: unknown) => isMillraceError(error, 'E_ENGINE'))
  await program.dispose()
})
