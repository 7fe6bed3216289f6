import { type Finding, finding, missing, ok } from './finding.ts'
import type { PreflightPorts } from './ports.ts'

const CHECK = 'networks'

/** Does the quota leave room for the stage's own network? It is five a region, and one of them is AWS's default. */
export async function checkNetworks(region: string, ports: Pick<PreflightPorts, 'networks'>): Promise<Finding> {
  return await finding(CHECK, async () => {
    const { quota, there, own } = await ports.networks()
    if (own) return ok(CHECK, `the stage's own is there, ${there} of ${quota}`)
    if (there < quota) return ok(CHECK, `${there} of ${quota} are there, one more will be`)
    return missing(
      CHECK,
      'E_QUOTA',
      `the quota 'VPCs per Region' in ${region} is ${quota}, and ${there} are there; a stage whose learner AWS starts has one of its own: ` +
        `ask for ${there + 1} or more (Service Quotas, Amazon VPC), delete one that nobody uses, or set learner: { kind: 'anywhere' }`,
    )
  })
}
