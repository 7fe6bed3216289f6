import { usd } from '../display/format.ts'
import { Bill } from '../doctor/bill.ts'
import { checklist } from '../doctor/items/index.ts'
import { type Outcome, goThrough } from '../doctor/item.ts'
import { LIMITS, type Limits, type DoctorContext } from '../doctor/context.ts'
import { type Left, prepareStage, restoreStage } from '../doctor/prepare.ts'
import { EXIT } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import { watchSignals } from '../interrupts.ts'
import type { OpenStage } from '../stage/stage.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'
import { print } from '../display/wrap.ts'

export interface DoctorOptions {
  readonly stage: string
  readonly json: boolean
  /** Let the dead-man strike once; takes minutes. */
  readonly deadMan: boolean
}

export interface DoctorParts extends Pick<DoctorContext, 'millrace' | 'learnerModule'> {
  readonly openStage: OpenStage
  aws(
    description: StageDescription,
    startedAt: number,
  ): Pick<DoctorContext, 'queue' | 'rollout' | 'settings' | 'invoke' | 'logLines'>
  readonly clock: Clock
  /** Eight characters, unique to this call. */
  suffix(): string
  readonly limits?: Limits
}

/**
 * `millrace doctor`: checks what only a deployed stage can show, item by item, each with its condition. Afterwards the stage is
 * as it was, except that the dead-man is armed where a learner is up.
 *
 * @returns 1 when an item failed
 * @throws MillraceError E_RUN while a run is on; E_STAGE, E_SETTINGS, and as AWS refuses
 */
export async function doctorCommand(options: DoctorOptions, host: Host, parts: DoctorParts): Promise<number> {
  const interrupts = watchSignals(host)
  try {
    const { clock, limits = LIMITS, millrace, learnerModule } = parts
    const stage = await parts.openStage(options.stage, { cwd: host.cwd })
    const { description } = stage
    const [startedAt, began] = [clock.now(), clock.monotonic()]
    const before = await prepareStage(stage, startedAt)
    const bill = new Bill(description)
    const context: DoctorContext = {
      stage,
      ...parts.aws(description, startedAt),
      clock,
      signal: interrupts.signal,
      millrace,
      learnerModule,
      name: `doctor-${parts.suffix()}`,
      startedAt,
      limits,
      bill,
      runs: [],
    }
    const say = (text: string | readonly string[]) => void (options.json || print(host.out, text))
    say(`stage ${description.stage} of ${description.app}, in ${description.region}`)
    let outcomes: readonly Outcome[] = []
    let left: Left = { problems: [], alive: false }
    try {
      const items = checklist(description.stage, { strike: options.deadMan })
      outcomes = await goThrough(items, context, (outcome) => say(lines(outcome, host)))
    } finally {
      left = await restoreStage(context, before)
    }
    const result = { description, outcomes, left, usd: bill.usd, ms: clock.monotonic() - began }
    if (options.json) host.out.write(`${JSON.stringify(json(result), null, 2)}\n`)
    else say(summary(result))
    if (interrupts.signal.aborted) return interrupts.exitCode() ?? EXIT.interrupted
    return left.problems.length === 0 && outcomes.every(({ result: r }) => r !== 'failed') ? EXIT.ok : EXIT.error
  } finally {
    interrupts.close()
  }
}

interface Result {
  readonly description: StageDescription
  readonly outcomes: readonly Outcome[]
  readonly left: Left
  readonly usd: number
  readonly ms: number
}

function lines({ name, pass, result, saw, ms, advice }: Outcome, { out }: Host): string[] {
  const { colors, glyphs } = out
  const mark = { passed: colors.green, failed: colors.red, skipped: colors.yellow }[result](glyphs[result])
  return [
    `${mark} ${colors.bold(name.padEnd(30))} ${String(ms).padStart(7)} ms`,
    colors.dim(`    passes when ${pass}`),
    `    ${result === 'skipped' ? 'left out: ' : ''}${saw}`,
    ...(advice === undefined ? [] : [`    to do: ${advice}`]),
  ]
}

function summary({ outcomes, left, usd: cost, ms }: Result): string[] {
  const number = (result: Outcome['result']) => outcomes.filter((outcome) => outcome.result === result).length
  return [
    `${number('passed')} passed, ${number('failed')} failed, ${number('skipped')} left out, in ${Math.round(ms / 1000)} s; it cost ${usd(cost)} at list prices, beside the learner's machine while it was up`,
    ...(left.problems.length === 0
      ? [
          `the stage is as it was before${left.alive ? ', with the dead-man armed for half an hour for its learner' : ''}`,
        ]
      : ['not everything could be put back:', ...left.problems.map((what) => `  ${what}`)]),
  ]
}

function json({ description, outcomes, left, usd: costUsd, ms }: Result) {
  const { app, stage, region, millrace } = description
  return {
    app,
    stage,
    region,
    millrace,
    ok: outcomes.every(({ result }) => result !== 'failed'),
    ms,
    costUsd,
    items: outcomes,
    left: left.problems,
  }
}
