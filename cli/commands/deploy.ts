import type { StageSettings } from '../../infra/aws/settings.ts'
import { type AwsOptions, type Clock, isLoopback } from '../../shared/cloud/index.ts'
import { MillraceError } from '../../shared/errors.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import type { PreflightPlace } from '../preflight/awsPorts.ts'
import type { Finding } from '../preflight/finding.ts'
import type { PreflightPorts } from '../preflight/ports.ts'
import { preflight, type Versions } from '../preflight/preflight.ts'
import type { Deployed } from '../project/deployed.ts'
import type { RunSst } from '../project/sst.ts'
import { stageCostLines } from '../project/stageCost.ts'
import { report } from '../report.ts'
import { aliveWords } from '../stage/aliveRuns.ts'
import { type Stage, type OpenStage, checkVersion } from '../stage/stage.ts'
import { armIfAlive } from '../stage/wakeLearner.ts'
import { fit, print } from '../display/wrap.ts'

export interface DeployOptions {
  readonly stage: string
}

/** What the command needs beside the host. */
export interface DeployParts {
  /** The project's folder. @throws MillraceError E_SETTINGS */
  findProject(cwd: string): string
  loadSettings(cwd: string): Promise<StageSettings>
  preflightPorts(place: PreflightPlace, options: AwsOptions): PreflightPorts
  readonly runSst: RunSst
  findDeployed(app: string, stage: string, options: AwsOptions): Promise<Deployed | undefined>
  readonly openStage: OpenStage
  readonly versions: Versions
  readonly clock: Clock
}

/**
 * `millrace deploy`: makes or updates a stage with SST. Before that it checks everything that would make SST fail half-way, and the runs
 * of the stage: a learner of the new version cannot take runs of another version.
 *
 * @returns 1 when something is missing: one sentence each on stderr
 * @throws MillraceError E_SETTINGS; E_DEPLOY while a run of another version waits or is under way, and when SST fails; E_STAGE when what was deployed cannot be read
 */
export async function deployCommand({ stage }: DeployOptions, host: Host, parts: DeployParts): Promise<number> {
  const folder = parts.findProject(host.cwd)
  const settings = await parts.loadSettings(host.cwd)
  const { app, region } = settings
  refuseEmulated(stage, host)
  const say = (text: string) => print(host.out, text)
  say(`stage ${stage} of ${app}, in ${region}`)
  const options: AwsOptions = { region }
  const findings = await preflight(settings, parts.preflightPorts({ app, stage, folder }, options), parts.versions)
  for (const finding of findings) tell(finding, host)
  if (findings.some(({ kind }) => kind === 'missing')) return EXIT.error
  const before = await parts.findDeployed(app, stage, options)
  if (before && before.requested.length > 0) {
    refuseOtherVersion(before, stage, parts.versions.millrace)
    say(host.out.colors.yellow(goOnSentence(before, settings)))
  }
  say('')
  const rearm = () => rearmed(stage, host, parts)
  let status: number | undefined
  try {
    status = await parts.runSst(['deploy', '--stage', stage], folder, host)
  } finally {
    if (status !== EXIT.ok) await rearm().catch(() => {}) // what SST ended with is what is to be told
  }
  if (status !== EXIT.ok) return status
  const { description, group } = await rearm()
  checkVersion(description, parts.versions.millrace)
  // An idle learner of the version before would take the next run, and fail it.
  if (before && before.millrace !== description.millrace && description.learner.kind !== 'anywhere') await group.set(0)
  say('')
  for (const line of deployedLines(description, settings)) say(line)
  return EXIT.ok
}

/** @throws MillraceError E_DEPLOY */
function refuseOtherVersion({ millrace, requested }: Deployed, stage: string, own: string): void {
  if (millrace === own) return
  const { are, them } = aliveWords(requested, stage)
  throw new MillraceError(
    'E_DEPLOY',
    `${are}, of Millrace ${millrace}, and a learner of ${own} would fail ${them}; wait for ${them}, or stop ${them} with version ${millrace}, then deploy`,
  )
}

function goOnSentence({ requested, concurrency }: Deployed, { functions }: StageSettings): string {
  const [runs, go] =
    requested.length === 1 ? ['1 run waits or is', 'it goes'] : [`${requested.length} runs wait or are`, 'they go']
  const fewer =
    functions.concurrency < concurrency
      ? `, and one that wants more than ${functions.concurrency} functions will fail`
      : ''
  return `${runs} under way; ${go} on with the new settings${fewer}`
}

/**
 * The stage as it is now, with the dead-man armed where there is something for it to end. SST keeps its hands off the time and the state of
 * the schedules, but an update of anything else in them writes both as they were made: switched off.
 */
async function rearmed(stage: string, { cwd }: Host, { openStage, clock }: DeployParts): Promise<Stage> {
  const opened = await openStage(stage, { cwd })
  await armIfAlive(opened, clock.now())
  return opened
}

/** SST would fail there after a minute with an unhelpful error. @throws MillraceError E_DEPLOY */
export function refuseEmulated(stage: string, { env }: Host): void {
  const endpoint = env['AWS_ENDPOINT_URL']
  if (!endpoint || !isLoopback(endpoint)) return
  throw new MillraceError(
    'E_DEPLOY',
    `AWS_ENDPOINT_URL is ${endpoint}, an emulated cloud, where SST makes and removes nothing: millrace cloud --stage ${stage} has the stage there; unset AWS_ENDPOINT_URL for AWS`,
  )
}

/** Where what was seen begins in a line of the checklist. */
const SAW = 25

function tell(finding: Finding, { out, err }: Host): void {
  const { colors, glyphs } = out
  if (finding.kind === 'ok')
    print(out, `${colors.green(glyphs.passed)} ${finding.check.padEnd(22)} ${finding.saw}`, SAW)
  else if (finding.kind === 'unknown')
    print(out, `${colors.yellow(glyphs.skipped)} ${finding.check.padEnd(22)} not looked at: ${finding.why}`, SAW)
  else err.write(fit(report(finding.problem, { colors: err.colors }).text, err))
}

function deployedLines({ stage, bucket, learner }: StageDescription, settings: StageSettings): readonly string[] {
  return [
    `stage ${stage} is there; everything of its runs goes to the bucket ${bucket}`,
    ...stageCostLines(settings).map((line) => `  ${line}`),
    'next:',
    ...(learner.kind === 'anywhere'
      ? [`  npx millrace learner --stage ${stage}                on the machine that is to learn`]
      : []),
    `  npx millrace doctor --stage ${stage}                 checks it once, item by item`,
    `  npx millrace run <experiment> --stage ${stage}`,
    `  npx millrace remove --stage ${stage}                 when you are done with it`,
  ]
}
