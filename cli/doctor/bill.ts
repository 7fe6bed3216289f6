import type { RunSummary } from '../../learner/observer.ts'
import { US_EAST_1 } from '../../shared/cost/priceBook.ts'
import type { LeaseReport } from '../../shared/protocol/lease.ts'

/** What the doctor's functions and runs cost at list prices; its own requests are a few hundred, some hundredths of a cent. */
export class Bill {
  private sum = 0
  private readonly memoryGb: number

  constructor(memoryMb: number) {
    this.memoryGb = memoryMb / 1024
  }

  lease({ totalMs, requests }: LeaseReport): void {
    const { functionGbSecond, functionRequest, s3Write, s3Read, sqsRequest } = US_EAST_1
    this.sum += (totalMs / 1000) * this.memoryGb * functionGbSecond.usd + functionRequest.usd
    this.sum += requests.s3Put * s3Write.usd + requests.s3Get * s3Read.usd + requests.sqs * sqsRequest.usd
  }

  run({ progress }: RunSummary): void {
    this.sum += progress.costUsd
  }

  get usd(): number {
    return this.sum
  }
}
