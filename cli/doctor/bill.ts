import type { RunSummary } from '../../learner/run/observer.ts'
import { US_EAST_1 } from '../../shared/cost/priceBook.ts'
import type { LeaseReport } from '../../shared/protocol/lease.ts'
import type { StageDescription } from '../../shared/protocol/stage.ts'

/** What the doctor's functions and runs cost at list prices; its own requests are a few hundred, some hundredths of a cent. */
export class Bill {
  private sum = 0
  private readonly functionSecondUsd: number

  constructor({ memoryMb, functionGbSecondUsd }: Pick<StageDescription, 'memoryMb' | 'functionGbSecondUsd'>) {
    this.functionSecondUsd = (memoryMb / 1024) * functionGbSecondUsd
  }

  lease({ totalMs, requests }: LeaseReport): void {
    const { functionRequest, s3Write, s3Read, sqsRequest } = US_EAST_1
    this.sum += (totalMs / 1000) * this.functionSecondUsd + functionRequest.usd
    this.sum += requests.s3Put * s3Write.usd + requests.s3Get * s3Read.usd + requests.sqs * sqsRequest.usd
  }

  run({ progress }: RunSummary): void {
    this.sum += progress.costUsd
  }

  get usd(): number {
    return this.sum
  }
}
