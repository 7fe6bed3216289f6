import type { StageSettings } from '../../infra/aws/settings.ts'
import type { AwsOptions, Clock } from '../../shared/cloud/index.ts'
import { MillraceError } from '../../shared/errors.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import type { RunSst } from '../project/sst.ts'
import { aliveRuns, aliveWords } from '../stage/aliveRuns.ts'
import type { OpenStage, Stage } from '../stage/stage.ts'
import { refuseEmulated } from './deploy.ts'
import { print } from '../display/wrap.ts'

export interface RemoveOptions {
  readonly stage: string
}

export interface RemoveParts {
  findProject(cwd: string): string
  loadSettings(cwd: string): Promise<StageSettings>
  readonly openStage: OpenStage
  readonly runSst: RunSst
  /** The names of the stages that have a description. */
  listStages(app: string, options: AwsOptions): Promise<readonly string[]>
  readonly clock: Clock
}

/**
 * `millrace remove`: removes a stage with everything in its bucket. A stage that was deployed half-way, and has no description yet, is
 * removed too.
 *
 * @throws MillraceError E_RUN while a run waits or is under way; E_DEPLOY when SST fails, or something is left
 */
export async function removeCommand({ stage }: RemoveOptions, host: Host, parts: RemoveParts): Promise<number> {
  const folder = parts.findProject(host.cwd)
  const { app, region } = await parts.loadSettings(host.cwd)
  refuseEmulated(stage, host)
  const say = (text: string) => print(host.out, text)
  const isThere = async () => (await parts.listStages(app, { region })).includes(stage)
  if (await isThere()) {
    const found = await parts.openStage(stage, { cwd: host.cwd })
    await refuseAlive(found, parts.clock.now())
    if (found.description.learner.kind !== 'anywhere') await found.group.set(0)
    say(
      `removing stage ${stage} of ${app} from ${region}, with the bucket ${found.description.bucket} and what is in it`,
    )
  } else {
    say(`stage ${stage} of ${app} has no description in ${region}; removing what SST knows of it`)
  }
  const status = await parts.runSst(['remove', '--stage', stage], folder, host)
  if (status !== EXIT.ok) return status
  if (await isThere()) {
    throw new MillraceError(
      'E_DEPLOY',
      `SST ended well, but the description of stage ${stage} is still there; was it deployed from another state? Deploy it from here, then remove it`,
    )
  }
  say(
    `stage ${stage} is removed; what stays is SST's own and free: for all its apps in ${region} the buckets sst-asset-… and sst-state-… with a few KB, the ECR repository sst-asset and the parameter /sst/bootstrap, and /sst/passphrase/${app}/${stage}`,
  )
  return EXIT.ok
}

/** @throws MillraceError E_RUN */
async function refuseAlive({ description: { stage }, store }: Stage, now: number): Promise<void> {
  const runs = await aliveRuns(store, now)
  if (runs.length === 0) return
  const { are, them } = aliveWords(runs, stage)
  throw new MillraceError('E_RUN', `${are}; millrace stop --stage ${stage} ends ${them}, then remove the stage`)
}
