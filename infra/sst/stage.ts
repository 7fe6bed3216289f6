import { MillraceError } from '../../shared/errors.ts'
import { type StageArns, stageArns } from '../aws/arns.ts'
import { type StageNames, stageNames } from '../aws/names.ts'
import type { StageSettings } from '../aws/settings.ts'

/** What every part of the component is made from. */
export interface Stage {
  /** The component's logical name, with which those of its parts begin. */
  readonly name: string
  readonly settings: StageSettings
  readonly names: StageNames
  readonly parent: $util.ComponentResource
}

/** @throws MillraceError E_SETTINGS when the settings are of another app than SST's, or the stage's name does not fit */
export function stageOf(name: string, settings: StageSettings, parent: $util.ComponentResource): Stage {
  if (settings.app !== $app.name) {
    throw new MillraceError(
      'E_SETTINGS',
      `the settings are of app '${settings.app}', sst.config.ts names '${$app.name}'`,
    )
  }
  const names = stageNames({ app: settings.app, stage: $app.stage, region: settings.region })
  return { name, settings, names, parent }
}

/** ARNs of parts that have yet to be made: a role may name a group that cannot be made without it. */
export function arnsOf({ settings, parent }: Stage, bucket: $util.Input<string>): $util.Output<StageArns> {
  const { partition } = aws.getPartitionOutput({}, { parent })
  const { accountId } = aws.getCallerIdentityOutput({}, { parent })
  return $resolve([partition, accountId, bucket]).apply(([partition, account, bucket]) =>
    stageArns({ app: settings.app, stage: $app.stage, region: settings.region, partition, account, bucket }),
  )
}
