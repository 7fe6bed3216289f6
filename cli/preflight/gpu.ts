import type { StageSettings } from '../../infra/aws/settings.ts'
import { type Finding, finding, missing, ok } from './finding.ts'
import type { PreflightPorts } from './ports.ts'

type GpuLearner = Extract<StageSettings['learner'], { kind: 'gpu' }>

/** GPU machines that most regions with GPUs have one of; asked for where those of the settings are not offered. */
const COMMON = ['g6.xlarge', 'g5.xlarge', 'g4dn.xlarge', 'g6e.xlarge']

/** Does the region have the GPU machines that the settings name? */
export async function checkGpuTypes(
  region: string,
  { instanceTypes }: GpuLearner,
  ports: Pick<PreflightPorts, 'offeredInstanceTypes'>,
): Promise<Finding> {
  const check = 'GPU machines'
  return await finding(check, async () => {
    const offered = await ports.offeredInstanceTypes([...new Set([...instanceTypes, ...COMMON])])
    const lacking = instanceTypes.filter((type) => !offered.includes(type))
    if (lacking.length === 0) return ok(check, `${region} has ${instanceTypes.join(', ')}`)
    const there = offered.length > 0 ? `it has ${offered.join(', ')}` : `it has none of ${COMMON.join(', ')} either`
    const advice =
      offered.length > 0
        ? `name those in learner.instanceTypes`
        : `choose another region, or learner: { kind: 'fargate' } or { kind: 'anywhere' }`
    return missing(check, 'E_REGION', `${region} does not have ${lacking.join(', ')}; ${there}: ${advice}`)
  })
}

/** Does the account's quota, which counts vCPUs, let the largest of them start? A new account's is often 0. */
export async function checkGpuQuota(
  region: string,
  { instanceTypes, onDemandFallback }: GpuLearner,
  ports: Pick<PreflightPorts, 'gpuQuota'>,
): Promise<readonly Finding[]> {
  const counted = instanceTypes.filter((type) => /^(g|vt)/.test(type)) // the quota is that of the families G and VT
  const needed = Math.max(0, ...counted.map(vcpus))
  if (needed === 0) return []
  const kinds = onDemandFallback ? [true, false] : [true]
  return await Promise.all(
    kinds.map((spot) => {
      const check = spot ? 'GPU spot quota' : 'GPU on-demand quota'
      return finding(check, async () => {
        const quota = await ports.gpuQuota({ spot })
        if (quota >= needed) return ok(check, `${quota} vCPUs, ${needed} needed`)
        const name = spot ? 'All G and VT Spot Instance Requests' : 'Running On-Demand G and VT instances'
        const fitting = counted.filter((type) => vcpus(type) <= quota)
        const smaller = fitting.length > 0 ? `, or leave only ${fitting.join(', ')} in learner.instanceTypes` : ''
        return missing(
          check,
          'E_QUOTA',
          `the quota '${name}' in ${region} is ${quota} vCPUs, and ${counted.find((type) => vcpus(type) === needed)} has ${needed}: ` +
            `ask for ${needed} or more (Service Quotas, Amazon EC2)${smaller}`,
        )
      })
    }),
  )
}

/** vCPUs of a machine of the families G and VT: 4 for an xlarge, and in proportion to its size. */
function vcpus(instanceType: string): number {
  const size = instanceType.split('.')[1] ?? ''
  const times = /^(\d*)xlarge$/.exec(size)
  if (times) return 4 * Number(times[1] || 1)
  return size === 'metal' ? 96 : 2 // large and medium
}
