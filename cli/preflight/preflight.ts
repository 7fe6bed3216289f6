import type { StageSettings } from '../../infra/aws/settings.ts'
import { checkConcurrency } from './concurrency.ts'
import { checkCredentials } from './credentials.ts'
import type { Finding } from './finding.ts'
import { checkGpuQuota, checkGpuTypes } from './gpu.ts'
import { checkNetworks } from './network.ts'
import type { PreflightPorts } from './ports.ts'
import { checkDocker, checkMillrace, checkSst } from './tools.ts'

export interface Versions {
  /** This command's own. */
  readonly millrace: string
  /** Of SST, that the component was checked with. */
  readonly sst: string
}

/**
 * Everything that would make a deployment fail after minutes, looked at in seconds and all at once: whoever has to ask AWS for a quota
 * should not find out about the next one a day later.
 */
export async function preflight(
  settings: StageSettings,
  ports: PreflightPorts,
  versions: Versions,
): Promise<readonly Finding[]> {
  const { region, learner } = settings
  const here = [
    checkSst(versions.sst, ports),
    checkMillrace(versions.millrace, ports),
    ...(learner.kind !== 'anywhere' && learner.image === undefined ? [checkDocker(learner, ports)] : []),
  ]
  const credentials = await checkCredentials(ports)
  if (credentials.kind === 'missing') return [credentials, ...(await Promise.all(here))]
  const found = await Promise.all([
    ...here,
    checkConcurrency(settings, ports),
    ...(learner.kind === 'anywhere' ? [] : [checkNetworks(region, ports)]),
    ...(learner.kind === 'gpu' ? [checkGpuTypes(region, learner, ports), checkGpuQuota(region, learner, ports)] : []),
  ])
  return [credentials, ...found.flat()]
}
