import type { StageSettings } from '../../infra/aws/settings.ts'
import { type Finding, missing, ok } from './finding.ts'
import type { PreflightPorts } from './ports.ts'

/** Is SST there, in the version that the component was checked with? */
export async function checkSst(expected: string, { sstVersion }: Pick<PreflightPorts, 'sstVersion'>): Promise<Finding> {
  const version = await sstVersion()
  if (version === expected) return ok('SST', version)
  const found = version === undefined ? 'SST is not installed in this project' : `this project has SST ${version}`
  return missing(
    'SST',
    'E_DEPLOY',
    `${found}, expected ${expected}; npm install --save-dev --save-exact sst@${expected}`,
  )
}

/** Is Docker there, where an image of the learner has to be built? */
export async function checkDocker(
  { kind }: StageSettings['learner'],
  { dockerVersion }: Pick<PreflightPorts, 'dockerVersion'>,
): Promise<Finding> {
  const version = await dockerVersion()
  if (version !== undefined) return ok('Docker', version)
  return missing(
    'Docker',
    'E_DEPLOY',
    `Docker is not installed or does not run, and the learner's image (learner.kind '${kind}') is built with it; start Docker, or name a built image in learner.image`,
  )
}

/** Is what is deployed of the version of this very command? A stage is only served by its own. */
export async function checkMillrace(
  own: string,
  { millraceVersion }: Pick<PreflightPorts, 'millraceVersion'>,
): Promise<Finding> {
  const version = await millraceVersion()
  if (version === own) return ok('Millrace', version)
  const found =
    version === undefined ? 'this project does not have Millrace installed' : `this project has Millrace ${version}`
  return missing(
    'Millrace',
    'E_DEPLOY',
    `${found}, and this command is ${own}; run npm install, and the project's own: npx millrace`,
  )
}
