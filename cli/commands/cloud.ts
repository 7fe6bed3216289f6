import { resolve } from 'node:path'
import type { StageSettings } from '../../infra/aws/settings.ts'
import type { Credentials } from '../../shared/cloud/credentials.ts'
import { MillraceError } from '../../shared/errors.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { watchSignals } from '../interrupts.ts'
import { print } from '../display/wrap.ts'
import { APP_VARIABLE } from '../stage/stageApp.ts'

export const CLOUD_LEARNERS = ['group', 'none'] as const

export interface CloudOptions {
  readonly port: number
  readonly folder?: string
  /** A stage to have in it, as if it were deployed. */
  readonly stage?: string
  /** The stage's app, where no project names it. */
  readonly app?: string
  /** 'group': its learner starts when it is asked for, as on AWS; 'none': `millrace learner` is started by hand. */
  readonly learner?: (typeof CLOUD_LEARNERS)[number]
}

interface Started {
  readonly endpoint: string
  readonly credentials: Credentials
  close(): Promise<void>
}

export interface CloudParts {
  /** Starts the emulated cloud; rejects with E_PORT or E_DISK. */
  start(options: { readonly port: number; readonly folder?: string }): Promise<Started>
  /** The same with a stage in it. */
  startStage(options: {
    readonly port: number
    readonly folder?: string
    readonly stage: string
    readonly settings: StageSettings
    readonly learner?: 'anywhere'
  }): Promise<Started>
  /** The settings of the project around a folder; undefined where there is no project. @throws MillraceError E_SETTINGS */
  settings(cwd: string): Promise<StageSettings | undefined>
  /** Settings with every default, of an app without a project. @throws MillraceError E_SETTINGS */
  defaults(app: string): StageSettings
  /** How to type this command in the folder. */
  ownCommand(host: Host): Promise<string>
}

/** `millrace cloud`: the emulated cloud by itself, until Ctrl-C, for any AWS client. @returns 0: a signal is how it is to end */
export async function cloudCommand(options: CloudOptions, host: Host, parts: CloudParts): Promise<number> {
  const interrupts = watchSignals(host)
  const ended = new Promise<void>((done) => interrupts.onInterrupt(done))
  try {
    const { cloud, lines } = await startCloud(options, host, parts)
    try {
      print(host.out, lines)
      await ended
    } finally {
      await cloud.close()
    }
  } finally {
    interrupts.close()
  }
  return EXIT.ok
}

async function startCloud(options: CloudOptions, host: Host, parts: CloudParts) {
  const { port, folder, stage, app, learner } = options
  const where = { port, ...(folder !== undefined && { folder: resolve(host.cwd, folder) }) }
  if (stage === undefined) {
    if (app !== undefined || learner !== undefined)
      throw new MillraceError('E_USAGE', `--${app === undefined ? 'learner' : 'app'} needs --stage, whose part it is`)
    const cloud = await parts.start(where)
    const more = ['', 'With these set, millrace train runs its functions, bucket and queue there.']
    return { cloud, lines: [...cloudLines(cloud, { folder, region: 'us-east-1' }), ...more] }
  }
  const project = await parts.settings(host.cwd)
  const defaults = parts.defaults(app ?? 'millrace')
  const settings = app === undefined ? (project ?? defaults) : { ...(project ?? defaults), app: defaults.app }
  const byHand = learner === 'none'
  const cloud = await parts.startStage({ ...where, stage, settings, ...(byHand && { learner: 'anywhere' as const }) })
  const { app: name, region } = settings
  // The commands look for the app of the project they are typed in: any other is named to them.
  const named = project?.app === name ? [] : [`  export ${APP_VARIABLE}=${name}`]
  const command = await parts.ownCommand(host)
  return {
    cloud,
    lines: [
      ...cloudLines(cloud, { folder, region }),
      ...named,
      '',
      ...stageLines({ app: name, stage, byHand, command }),
    ],
  }
}

function cloudLines(
  { endpoint, credentials }: Started,
  { folder, region }: { folder: string | undefined; region: string },
): string[] {
  return [
    `emulated cloud at ${endpoint}: S3, SQS and Lambda, ${folder === undefined ? 'in memory' : `objects in ${folder}`}; Ctrl-C ends it`,
    '',
    'For any AWS client:',
    `  export AWS_ENDPOINT_URL=${endpoint}`,
    `  export AWS_REGION=${region}`,
    `  export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}`,
    `  export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}`,
  ]
}

function stageLines(options: { app: string; stage: string; byHand: boolean; command: string }): string[] {
  const { app, stage, byHand, command } = options
  const learner = byHand ? 'its learner is started by hand' : 'its learner starts when a run asks for it'
  return [
    `Stage ${stage} of ${app} is there as if it were deployed; ${learner}. With these set, in another terminal:`,
    ...(byHand ? [`  ${command} learner --stage ${stage}`] : []),
    `  ${command} run cartpole --stage ${stage}`,
    `  ${command} status --stage ${stage}`,
    `  ${command} stop --stage ${stage}`,
  ]
}
