import type { StageCommands } from '../stageCommands.ts'

/** The commands that use a deployed stage, with the real world behind them, each imported when it is asked for. */
export const stageUse: Pick<StageCommands, 'run' | 'status' | 'logs' | 'stop'> = {
  async run(options, host) {
    const [{ runCommand }, { loadExperiment }, bundle, { packageManifest }, { planOf }, { asDefinition }, world] =
      await Promise.all([
        import('../commands/run.ts'),
        import('../../library/load/loadExperiment.ts'),
        import('../../library/load/bundle.ts'),
        import('../../library/load/libraryEntries.ts'),
        import('../../learner/planOf.ts'),
        import('../../shared/env/index.ts'),
        stageWorld(),
      ])
    return await runCommand(options, host, {
      ...world,
      load: loadExperiment,
      async check(experiment) {
        asDefinition(experiment.env)
        planOf(experiment)
      },
      bundleForLearner: (file) => bundle.bundleForLearner(file),
      bundleEnvCode: (file) => bundle.bundleEnvCode(file),
      version: packageManifest().version,
      suffix: () => crypto.randomUUID().slice(0, 8),
    })
  },

  async status(options, host) {
    const [{ statusCommand }, world] = await Promise.all([import('../commands/status.ts'), stageWorld()])
    return await statusCommand(options, host, world)
  },

  async logs(options, host) {
    const [{ logsCommand }, { logLines }, world] = await Promise.all([
      import('../commands/logs.ts'),
      import('../../shared/cloud/control/index.ts'),
      stageWorld(),
    ])
    return await logsCommand(options, host, { ...world, logLines })
  },

  async stop(options, host) {
    const [{ stopCommand }, { hostname, userInfo }, world] = await Promise.all([
      import('../commands/stop.ts'),
      import('node:os'),
      stageWorld(),
    ])
    return await stopCommand(options, host, { ...world, by: `${userInfo().username} on ${hostname()}` })
  },
}

async function stageWorld() {
  const [{ openStage }, { systemClock }] = await Promise.all([
    import('./openStage.ts'),
    import('../../shared/cloud/clock.ts'),
  ])
  return { openStage, clock: systemClock }
}
