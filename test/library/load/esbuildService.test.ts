import { expect, test } from 'vitest'
import { withService } from '../../../library/load/esbuildService.ts'

/** A bundler whose process has ended, until it is started anew. */
function bundler(...failures: string[]) {
  const told = { builds: 0, restarts: 0 }
  const build = async () => {
    told.builds++
    const failure = failures.shift()
    if (failure !== undefined) throw new Error(failure)
    return 'bundle'
  }
  const forget = async () => void told.restarts++
  return { told, build, forget }
}

test.each(['The service was stopped', 'The service was stopped: write EPIPE', 'The service is no longer running'])(
  "a build that Ctrl-C took esbuild's process from (%s) is made by another one",
  async (failure) => {
    const { told, build, forget } = bundler(failure)
    expect(await withService(build, forget)).toBe('bundle')
    expect(told).toEqual({ builds: 2, restarts: 1 })
  },
)

test('a fault of the file is not built again', async () => {
  const { told, build, forget } = bundler('Build failed with 1 error')
  await expect(withService(build, forget)).rejects.toThrow('Build failed with 1 error')
  expect(told).toEqual({ builds: 1, restarts: 0 })
})

test('an esbuild that ends every time is given up', async () => {
  const { told, build, forget } = bundler(...Array.from({ length: 9 }, () => 'The service was stopped'))
  await expect(withService(build, forget)).rejects.toThrow('The service was stopped')
  expect(told).toEqual({ builds: 3, restarts: 2 })
})
