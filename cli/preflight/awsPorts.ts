import { execFile } from 'node:child_process'
import { stageNames } from '../../infra/aws/names.ts'
import type { AwsOptions } from '../../shared/cloud/index.ts'
import {
  account,
  concurrencyLimit,
  concurrencyQuota,
  findStage,
  gpuQuota,
  networks,
  offeredInstanceTypes,
} from '../../shared/cloud/control/index.ts'
import { isMillraceError } from '../../shared/errors.ts'
import { installedPackage, projectMillrace } from '../project/installed.ts'
import type { PreflightPorts } from './ports.ts'

export interface PreflightPlace {
  readonly app: string
  readonly stage: string
  /** The project's folder. */
  readonly folder: string
}

/** AWS, in the region of `options`, and this machine. */
export function awsPreflightPorts({ app, stage, folder }: PreflightPlace, options: AwsOptions): PreflightPorts {
  return {
    account: () => account(options),
    concurrencyQuota: () => concurrencyQuota(options),
    gpuQuota: (kind) => gpuQuota(kind, options),
    offeredInstanceTypes: (types) => offeredInstanceTypes(types, options),
    async networks() {
      const [{ quota, names }, { region }] = await Promise.all([networks(options), account(options)])
      const own = names.includes(stageNames({ app, stage, region }).learner)
      return { quota, there: names.length, own }
    },
    dockerVersion,
    sstVersion: async () => (await installedPackage('sst', folder))?.version,
    millraceVersion: () => projectMillrace(folder),
    async reservedByStage() {
      try {
        const { rolloutFunction } = await findStage(app, stage, options)
        return (await concurrencyLimit(rolloutFunction, options).get()) ?? 0
      } catch (error) {
        if (isMillraceError(error, 'E_STAGE')) return 0
        throw error
      }
    },
  }
}

/** Asks the engine, not the client: it is the engine that builds. */
function dockerVersion(): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 }, (error, out) => {
      const version = out.trim()
      resolve(error || version === '' ? undefined : version)
    })
  })
}
