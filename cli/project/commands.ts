import type { StageCommands } from '../stageCommands.ts'

/** The commands around a project's stages, with the real world behind them, each imported when it is asked for. */
export const projectCommands: Pick<StageCommands, 'init' | 'deploy' | 'remove' | 'doctor'> = {
  async init(options, host) {
    const { initCommand } = await import('../commands/init.ts')
    return await initCommand(options, host)
  },

  async deploy(options, host) {
    const [{ deployCommand }, { awsPreflightPorts }, { findDeployed }, { packageManifest }, world] = await Promise.all([
      import('../commands/deploy.ts'),
      import('../preflight/awsPorts.ts'),
      import('./deployed.ts'),
      import('../../library/load/libraryEntries.ts'),
      projectWorld(),
    ])
    const { version, devDependencies } = packageManifest()
    const versions = { millrace: version, sst: devDependencies['sst'] ?? '' }
    return await deployCommand(options, host, { ...world, preflightPorts: awsPreflightPorts, findDeployed, versions })
  },

  async remove(options, host) {
    const [{ removeCommand }, { listStages }, world] = await Promise.all([
      import('../commands/remove.ts'),
      import('../../shared/cloud/control/index.ts'),
      projectWorld(),
    ])
    return await removeCommand(options, host, { ...world, listStages })
  },

  async doctor(options, host) {
    const [
      { doctorCommand },
      { awsContext },
      { bundleForLearner },
      { findExperimentFile },
      { packageManifest },
      { openStage },
      world,
    ] = await Promise.all([
      import('../commands/doctor.ts'),
      import('../doctor/awsPorts.ts'),
      import('../../library/load/bundle.ts'),
      import('../../library/load/findFile.ts'),
      import('../../library/load/libraryEntries.ts'),
      import('../stage/openStage.ts'),
      projectWorld(),
    ])
    return await doctorCommand(options, host, {
      ...world,
      openStage,
      aws: awsContext,
      millrace: packageManifest().version,
      learnerModule: () => bundleForLearner(findExperimentFile('cartpole', host.cwd)),
      suffix: () => crypto.randomUUID().slice(0, 8),
    })
  },
}

async function projectWorld() {
  const [{ findProject, loadSettings }, { openStage }, { runSst }, { systemClock }] = await Promise.all([
    import('../loadSettings.ts'),
    import('../stage/openStage.ts'),
    import('./sst.ts'),
    import('../../shared/cloud/clock.ts'),
  ])
  // What is deployed and removed is the project's, whatever MILLRACE_APP says.
  const ofProject: typeof openStage = async (name, at) => await openStage(name, at, {})
  return { findProject, loadSettings, openStage: ofProject, runSst, clock: systemClock }
}
