import { join } from 'node:path'
import { systemClock } from '../../shared/cloud/clock.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { lambdaFront } from './cloudLambda.ts'
import type { Faults } from './faults.ts'
import { isLambdaPath, type LambdaOptions, lambdaService, type LambdaService } from './lambda.ts'
import { S3 } from './s3.ts'
import { DiskMirror } from './s3Disk.ts'
import { s3Front } from './s3Http.ts'
import { startServer } from './server.ts'
import { Sqs } from './sqs.ts'
import { isSqs, sqsFront } from './sqsHttp.ts'

export interface LocalCloudOptions {
  /** Where S3's objects are kept; without it they live in memory only. */
  readonly folder?: string
  /** 127.0.0.1 unless told. */
  readonly host?: string
  /** 0, the default, takes any free port. */
  readonly port?: number
  readonly clock?: Clock
  /** Asked for every request to any service. Faults inside a function's run are `lambda.faults`. */
  readonly faults?: Faults
  /** 'md5' as plain S3 has them; 'opaque' is cheaper, and still one of its own for every write. */
  readonly etags?: 'md5' | 'opaque'
  readonly lambda?: LambdaOptions
}

export interface LocalCloud extends AsyncDisposable {
  /** `http://host:port`, for the `endpoint` of any AWS client. */
  readonly endpoint: string
  readonly s3: S3
  readonly sqs: Sqs
  /** Made at its first use, so that a cloud of S3 and SQS needs no runtime on disk. @throws MillraceError E_FUNCTION */
  readonly lambda: LambdaService
  /** Ends functions and connections, and resolves when S3 is on disk. @throws MillraceError E_DISK when it could not be kept */
  close(): Promise<void>
}

/**
 * S3, SQS and Lambda on loopback, in this process, for unmodified AWS clients. Any credentials do.
 *
 * @throws MillraceError E_PORT when the port is taken, E_DISK when the folder cannot be used
 */
export async function localCloud(options: LocalCloudOptions = {}): Promise<LocalCloud> {
  const { host = '127.0.0.1', port = 0, clock = systemClock, faults } = options
  const mirror = options.folder === undefined ? undefined : new DiskMirror(join(options.folder, 's3'))
  const s3 = new S3({ clock, ...(mirror && { mirror }), ...(options.etags && { etags: options.etags }) })
  mirror?.restore(s3)
  const sqs = new Sqs({ clock })
  let started: LambdaService | undefined
  const lambda = () => (started ??= lambdaService({ ...(options.clock && { clock }), ...options.lambda }))

  const fronts = { s3: s3Front(s3), sqs: sqsFront(sqs), lambda: lambdaFront(lambda) }
  const server = await startServer(
    (request) => {
      if (isSqs(request)) return fronts.sqs
      return isLambdaPath(request.url ?? '') ? fronts.lambda : fronts.s3
    },
    { host, port, clock, faults },
  )
  let closed: Promise<void> | undefined
  const close = () =>
    (closed ??= (async () => {
      await started?.close()
      sqs.close()
      await server.close()
      await s3.close()
    })())
  return {
    endpoint: server.endpoint,
    s3,
    sqs,
    get lambda() {
      return lambda()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
