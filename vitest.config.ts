import { defineConfig } from 'vitest/config'

/** One project after the other: real runs on two cores should not have to share them with a thousand unit tests. */
const inTurn = (groupOrder: number) => ({
  environment: 'node' as const,
  pool: 'forks' as const,
  sequence: { groupOrder },
  // Tests make clients of their own, and on Node 20 AWS's SDK would write a warning of ten lines into each of them.
  env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
})
/** Examples import the package by its name, as a user's do. */
const resolve = { alias: { millrace: new URL('index.ts', import.meta.url).pathname } }

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: {
          ...inTurn(0),
          name: 'unit',
          maxWorkers: '100%',
          include: ['test/**/*.test.ts'],
          exclude: ['test/learning/**', 'test/chaos/**', 'test/artefact/**', 'test/deploy/**'],
          testTimeout: 20_000,
        },
      },
      { resolve, test: { ...inTurn(1), name: 'chaos', include: ['test/chaos/**/*.test.ts'], testTimeout: 120_000 } },
      {
        resolve,
        test: {
          ...inTurn(2),
          name: 'artefact',
          include: ['test/artefact/**/*.test.ts'],
          testTimeout: 180_000,
          globalSetup: 'test/artefact/setup.ts',
        },
      },
      {
        resolve,
        test: {
          ...inTurn(3),
          name: 'deploy',
          include: ['test/deploy/**/*.test.ts'],
          testTimeout: 120_000,
          globalSetup: 'test/deploy/setup.ts',
          fileParallelism: false,
        },
      },
      {
        resolve,
        test: {
          ...inTurn(4),
          name: 'learning',
          include: ['test/learning/**/*.test.ts'],
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
