import { defineConfig } from 'vitest/config'

const node = { environment: 'node' as const, pool: 'forks' as const }

export default defineConfig({
  test: {
    projects: [
      { test: { ...node, name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/learning/**', 'test/chaos/**', 'test/artefact/**'], testTimeout: 20_000 } },
      { test: { ...node, name: 'chaos', include: ['test/chaos/**/*.test.ts'], testTimeout: 120_000 } },
      { test: { ...node, name: 'artefact', include: ['test/artefact/**/*.test.ts'], testTimeout: 180_000 } },
      { test: { ...node, name: 'learning', include: ['test/learning/**/*.test.ts'], testTimeout: 600_000, fileParallelism: false } },
    ],
  },
})
