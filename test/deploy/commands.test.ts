import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inventory } from './graph.ts'
import { recordDeploy } from './harness.ts'
import { userProject } from './projects.ts'
import { VARIANTS, recorded } from './variants.ts'

test('sst diff would make what sst deploy would', async () => {
  await using difference = await recordDeploy({ settings: VARIANTS.anywhere, command: 'diff' })
  expect(inventory(difference)).toEqual(inventory(await recorded(VARIANTS.anywhere)))
})

test.each([
  ['link', 'anywhere'],
  ['package', 'fargate'],
] as const)(
  'the project that millrace init makes has the same graph, with Millrace installed as a %s and its learner %s: handlers, binaries and all',
  async (installed, learner) => {
    const project = await userProject(installed, learner)
    try {
      await using recording = await recordDeploy({ project: project.folder })
      expect(recording.outputs).toMatchObject({
        parameter: '/millrace/my-experiment/test',
        rolloutFunction: 'my-experiment-test-rollout',
      })
      const own = inventory(await recorded(VARIANTS[learner])).filter((line) => !/^(budgets|sns)\./.test(line))
      expect(inventory(recording)).toEqual(own)
    } finally {
      await project.dispose()
    }
  },
)

test('a new project is read before anything of SST is installed: nothing of it is needed to name the app', async () => {
  const project = await userProject('package')
  try {
    // As SST does it: bundled with what is not there left out, and run with no global but $config.
    await build({
      stdin: {
        contents: "import mod from './sst.config.ts'; console.log(JSON.stringify(await mod.app({ stage: 'test' })))",
        resolveDir: project.folder,
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@pulumi/*'],
      banner: { js: 'function $config(input) { return input }' },
      outfile: join(project.folder, '.sst/platform/config.mjs'),
    })
    await rm(join(project.folder, 'node_modules'), { recursive: true })
    const said = execFileSync(process.execPath, [join(project.folder, '.sst/platform/config.mjs')], {
      encoding: 'utf8',
    })
    expect(JSON.parse(said)).toEqual({
      name: 'my-experiment',
      home: 'aws',
      removal: 'remove',
      providers: { aws: { region: 'us-east-1' } },
    })
  } finally {
    await project.dispose()
  }
})

test('settings of another app than the configuration names are refused', async () => {
  const name: [string, string, string] = ['infra/sst/stage.ts', '$app.name', "'another'"]
  const refused = recordDeploy({ settings: VARIANTS.anywhere, edits: [name] })
  await expect(refused).rejects.toThrow("the settings are of app 'millrace', sst.config.ts names 'another'")
})

test('a deploy that SST was interrupted in is known for one, though its status is that of success', async () => {
  const interrupted = recordDeploy({ settings: VARIANTS.anywhere, interrupt: true })
  await expect(interrupted).rejects.toThrow('sst deploy was interrupted')
})
