import type { Commands } from './program.ts'
import { projectCommands } from './project/commands.ts'
import { stageUse } from './stage/commands.ts'

/** The real commands with the real world behind them, each imported when it is asked for. */
export const commands: Commands = {
  ...projectCommands,
  ...stageUse,

  async train(options, host) {
    const service = import('../learner/run/service.ts') // the heaviest import: it loads while the experiment is bundled
    service.catch(() => {}) // reported where it is awaited
    if (!options.serial) import('../infra/clouds/emulated.ts').catch(() => {}) // the next heaviest; imported again where it is used
    const [{ trainCommand }, { loadExperiment, bundleEnvCode }, { openCloud }, { installedVersions }] =
      await Promise.all([
        import('./commands/train.ts'),
        import('../library/load/loadExperiment.ts'),
        import('../library/openCloud.ts'),
        import('../library/run/records.ts'),
      ])
    return await trainCommand(options, host, {
      load: loadExperiment,
      loadPair: async (pair) => await (await import('../library/load/loadPair.ts')).loadPair(pair),
      bundleEnvCode,
      openCloud,
      train: async () => (await service).train,
      versions: installedVersions(),
    })
  },

  async evaluate({ stage, ...options }, host) {
    if (stage === undefined) return await (await import('./commands/evaluate.ts')).evaluateCommand(options, host)
    const [{ evaluateStageCommand }, { openStage }, { invokeSync }, { packageManifest }] = await Promise.all([
      import('./commands/evaluateStage.ts'),
      import('./stage/openStage.ts'),
      import('../shared/cloud/control/index.ts'),
      import('../library/load/libraryEntries.ts'),
    ])
    const parts = { openStage, invoke: invokeSync, version: packageManifest().version }
    return await evaluateStageCommand({ ...options, stage }, host, parts)
  },

  async graph(options, host) {
    const [{ graphCommand }, { loadExperiment }, { mermaid }, { planOf }] = await Promise.all([
      import('./commands/graph.ts'),
      import('../library/load/loadExperiment.ts'),
      import('../learner/flow/index.ts'),
      import('../learner/planOf.ts'),
    ])
    return await graphCommand(options, host, {
      load: loadExperiment,
      plan: async (experiment) => planOf(experiment).plan.graph(),
      mermaid: async (graph) => mermaid(graph),
    })
  },

  async list(options, host) {
    const { listCommand } = await import('./commands/list.ts')
    return await listCommand(options, host)
  },

  async cloud(options, host) {
    const [
      { cloudCommand },
      { ownCommand },
      { provisionedCloud, stageCloud },
      { findProject, loadSettings },
      { settings },
    ] = await Promise.all([
      import('./commands/cloud.ts'),
      import('./project/ownCommand.ts'),
      import('../infra/clouds/provision.ts'),
      import('./loadSettings.ts'),
      import('../infra/aws/settings.ts'),
    ])
    const hasProject = (cwd: string): boolean => {
      try {
        return findProject(cwd) !== ''
      } catch {
        return false // a stage can be had without one
      }
    }
    return await cloudCommand(options, host, {
      start: (where) => provisionedCloud({ ...where, control: true, endpointsFromLease: true }),
      startStage: stageCloud,
      settings: async (cwd) => (hasProject(cwd) ? await loadSettings(cwd) : undefined),
      defaults: (app) => settings({ app, region: 'us-east-1' }),
      ownCommand,
    })
  },

  async learner(options, host) {
    const [{ learnerCommand }, { stageApp }, { findStage, stageByParameter }, { serveFromHere }] = await Promise.all([
      import('./commands/learner.ts'),
      import('./stage/stageApp.ts'),
      import('../shared/cloud/control/index.ts'),
      import('./serveStage.ts'),
    ])
    const loadSettings = async (cwd: string) => await stageApp(cwd, host.env)
    return await learnerCommand(options, host, { loadSettings, findStage, stageByParameter, serve: serveFromHere })
  },
}
