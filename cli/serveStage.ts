import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../infra/local/packageRoot.ts'
import { train } from '../learner/run/service.ts'
import { loadExperimentModule } from '../learner/stage/experimentModule.ts'
import { serveStage } from '../learner/stage/serveStage.ts'
import { spotNotice } from '../learner/stage/spotNotice.ts'
import { stageCloud } from '../learner/stage/stageCloud.ts'
import { concurrencyLimit, deadManSchedules, learnerGroup } from '../shared/cloud/control/index.ts'
import { s3Client, s3ObjectStore, systemClock } from '../shared/cloud/index.ts'
import type { StageDescription } from '../shared/protocol/stage.ts'
import type { ServeOptions } from './commands/learner.ts'
import { libraryEntries, libraryEntry } from '../library/load/libraryEntries.ts'
import { installedVersions } from '../library/run/records.ts'

/** Serves a stage of AWS, or of wherever AWS's endpoint variables point, from this machine. @throws as `serveStage` */
export async function serveFromHere(stage: StageDescription, options: ServeOptions): Promise<void> {
  const aws = { region: stage.region }
  const s3 = s3Client(aws)
  const entries = libraryEntries()
  try {
    await serveStage({
      ...options,
      stage,
      store: s3ObjectStore(s3, stage.bucket),
      clock: systemClock,
      group: learnerGroup(stage.learner, aws),
      limit: concurrencyLimit(stage.rolloutFunction, aws),
      deadMan: deadManSchedules(stage.deadMan, aws),
      learner: randomUUID(),
      host: hostname(),
      versions: installedVersions(),
      spotNotice:
        stage.learner.kind === 'gpu'
          ? (signal) => spotNotice({ clock: systemClock, env: process.env }, signal)
          : undefined,
      openCloud: async ({ shards }) =>
        stageCloud(stage, { shards, trainWorker: join(packageRoot(), 'dist/learner/train-worker.mjs') }),
      loadExperiment: async (module, { set }) =>
        await loadExperimentModule(module, { set, libraryEntry: (specifier) => libraryEntry(entries, specifier) }),
      train,
    })
  } finally {
    s3.destroy()
  }
}
