import { defineConfig } from 'vitest/config'

const node = { environment: 'node' as const, pool: 'forks' as const }
/** Examples import the package by its name, as a user's do. */
const resolve = { alias: { millrace: new URL('index.ts', import.meta.url).pathname } }

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: {
          ...node,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/learning/**', 'test/chaos/**', 'test/artefact/**'],
          testTimeout: 20_000,
        },
      },
      { resolve, test: { ...node, name: 'chaos', include: ['test/chaos/**/*.test.ts'], testTimeout: 120_000 } },
      { resolve, test: { ...node, name: 'artefact', include: ['test/artefact/**/*.test.ts'], testTimeout: 180_000 } },
      {
        resolve,
        test: {
          ...node,
          name: 'learning',
          include: ['test/learning/**/*.test.ts'],
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
