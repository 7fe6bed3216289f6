import { expect, test } from 'vitest'
import { inventory } from './graph.ts'
import { recordDeploy } from './harness.ts'
import { userProject } from './projects.ts'
import { VARIANTS, recorded } from './variants.ts'

test('sst diff would make what sst deploy would', async () => {
  await using difference = await recordDeploy({ settings: VARIANTS.anywhere, command: 'diff' })
  expect(inventory(difference)).toEqual(inventory(await recorded(VARIANTS.anywhere)))
})

test.each(['link', 'package'] as const)(
  'the project that millrace init makes has the same graph, with Millrace installed as a %s: handlers, binaries and all',
  async (installed) => {
    const project = await userProject(installed)
    try {
      await using recording = await recordDeploy({ project: project.folder })
      expect(recording.outputs).toMatchObject({
        parameter: '/millrace/my-experiment/test',
        rolloutFunction: 'my-experiment-test-rollout',
      })
      const own = inventory(await recorded(VARIANTS.anywhere)).filter((line) => !/^(budgets|sns)\./.test(line))
      expect(inventory(recording)).toEqual(own)
    } finally {
      await project.dispose()
    }
  },
)

test('settings of another app than the configuration names are refused', async () => {
  const name: [string, string, string] = ['infra/sst/stage.ts', '$app.name', "'another'"]
  const refused = recordDeploy({ settings: VARIANTS.anywhere, edits: [name] })
  await expect(refused).rejects.toThrow("the settings are of app 'millrace', sst.config.ts names 'another'")
})
