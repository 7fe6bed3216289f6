import type { CloudFaults } from '../../learner/run/fragmentFates.ts'
import { backgroundClock } from '../../shared/cloud/clock.ts'
import { configuredEndpoint } from '../../shared/cloud/endpoints.ts'
import { MillraceError } from '../../shared/errors.ts'
import { type FaultSetting, isCalm } from '../../shared/faults/index.ts'
import { Storm } from '../local/faults/storm.ts'
import { MessageLedger } from './messageLedger.ts'
import { names } from './names.ts'

/** A run's faults, and the books that are kept of them. */
export interface Weather {
  /** Is there no fault at all, only the books? */
  readonly isCalm: boolean
  /** For the emulated cloud. */
  readonly hooks: ReturnType<Storm['hooks']>
  readonly ledger: MessageLedger
  readonly report: (failedCalls: CloudFaults['failedCalls']) => CloudFaults
}

/** @throws MillraceError E_USAGE where one of the services is none of the emulated cloud in this process */
export function stormyWeather(setting: FaultSetting): Weather {
  const elsewhere = (['S3', 'SQS', 'LAMBDA'] as const).filter((service) => configuredEndpoint(service) !== undefined)
  if (elsewhere.length > 0)
    throw new MillraceError(
      'E_USAGE',
      `faults are injected by the emulated cloud of this process, and ${elsewhere.join(', ')} ${elsewhere.length > 1 ? 'are' : 'is'} elsewhere (AWS_ENDPOINT_URL); take faults out, or unset the variable`,
    )
  const ledger = new MessageLedger()
  const storm = new Storm(setting, {
    clock: backgroundClock,
    isData: (queue) => queue === names.queue,
    onKept: (id, body, isCopy) => ledger.kept(id, body, isCopy),
  })
  return {
    isCalm: isCalm(setting),
    hooks: storm.hooks(),
    ledger,
    report: (failed) => ({ injected: storm.injected, failedCalls: { ...failed }, ...ledger.counts() }),
  }
}
