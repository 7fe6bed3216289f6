import type { Commands } from './program.ts'

/** The real commands with the real world behind them, each imported when it is asked for. */
export const commands: Commands = {
  async train(options, host) {
    const service = import('../learner/service.ts') // the heaviest import: it loads while the experiment is bundled
    service.catch(() => {}) // reported where it is awaited
    if (!options.serial) import('../infra/clouds/emulated.ts').catch(() => {}) // the next heaviest; imported again where it is used
    const [{ trainCommand }, { loadExperiment, bundleEnvCode }, { openCloud }, { installedVersions }] =
      await Promise.all([
        import('./commands/train.ts'),
        import('./loadExperiment.ts'),
        import('./clouds.ts'),
        import('./run/records.ts'),
      ])
    return await trainCommand(options, host, {
      load: loadExperiment,
      bundleEnvCode,
      openCloud,
      train: async () => (await service).train,
      versions: installedVersions(),
    })
  },

  async evaluate(options, host) {
    const { evaluateCommand } = await import('./commands/evaluate.ts')
    return await evaluateCommand(options, host)
  },

  async graph(options, host) {
    const [{ graphCommand }, { loadExperiment }, { mermaid }, { planOf }] = await Promise.all([
      import('./commands/graph.ts'),
      import('./loadExperiment.ts'),
      import('../learner/flow/index.ts'),
      import('../learner/planOf.ts'),
    ])
    return await graphCommand(options, host, {
      load: loadExperiment,
      plan: async (experiment) => planOf(experiment).plan.graph(),
      mermaid: async (graph) => mermaid(graph),
    })
  },

  async cloud(options, host) {
    const [{ cloudCommand }, { provisionedCloud }] = await Promise.all([
      import('./commands/cloud.ts'),
      import('../infra/clouds/provision.ts'),
    ])
    return await cloudCommand(options, host, { start: provisionedCloud })
  },

  async init(options, host) {
    const { initCommand } = await import('./commands/init.ts')
    return await initCommand(options, host)
  },
}
