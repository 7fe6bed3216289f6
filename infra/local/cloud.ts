import { join } from 'node:path'
import { steadyClock, systemClock } from '../../shared/cloud/clock.ts'
import type { Credentials } from '../../shared/cloud/credentials.ts'
import type { Clock } from '../../shared/cloud/ports.ts'
import { lambdaFront } from './cloudLambda.ts'
import type { ControlPlane } from './control/index.ts'
import { logGroupOf } from './lambda/environmentProcess.ts'
import type { Faults, MessageFaults, ObjectFaults } from './faults/faults.ts'
import type { AnyFront } from './front.ts'
import { credentialGuard, newCredentials } from './door/guard.ts'
import { isLambdaPath, type LambdaOptions, lambdaService, type LambdaService } from './lambda/lambda.ts'
import { S3 } from './s3/s3.ts'
import { DiskMirror } from './s3/disk.ts'
import { s3Front } from './s3/http.ts'
import { startServer } from './server.ts'
import { Sqs } from './sqs/sqs.ts'
import { isSqs, sqsFront } from './sqs/http.ts'
import { MillraceError } from '../../shared/errors.ts'

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
  /** Faults of what is sent and of what is written. */
  readonly messageFaults?: MessageFaults
  readonly objectFaults?: ObjectFaults
  /** 'md5' as plain S3 has them; 'opaque' is cheaper, and still one of its own for every write. */
  readonly etags?: 'md5' | 'opaque'
  readonly lambda?: LambdaOptions
  /** What opens this cloud; a random pair unless told. Functions have it in their environment. */
  readonly credentials?: Credentials
  /** Opens it as well: a pair of the user's, for functions that need it for a service elsewhere. */
  readonly alsoAccepts?: Credentials | undefined
  /** With the control plane around them (parameters, groups, schedules, logs, quotas), and the logs of functions kept. */
  readonly control?: boolean
}

export interface LocalCloud extends AsyncDisposable {
  /** `http://host:port`, for the `endpoint` of any AWS client. */
  readonly endpoint: string
  /** What a client needs beside the endpoint. */
  readonly credentials: Credentials
  readonly s3: S3
  readonly sqs: Sqs
  /** Made at its first use, so that a cloud of S3 and SQS needs no runtime on disk. @throws MillraceError E_FUNCTION */
  readonly lambda: LambdaService
  /** Everything a stage is managed by. @throws MillraceError E_USAGE when it was not asked for */
  readonly control: ControlPlane
  /** Ends functions and connections, and resolves when S3 is on disk. @throws MillraceError E_DISK when it could not be kept */
  close(): Promise<void>
}

/**
 * S3, SQS and Lambda on loopback, in this process, for unmodified AWS clients that have its credentials; with `control`, also what manages
 * them. Requests of web pages are refused, and so are those without the credentials or with a wrong signature.
 *
 * @throws MillraceError E_PORT when the port is taken, E_DISK when the folder cannot be used
 */
export async function localCloud(options: LocalCloudOptions = {}): Promise<LocalCloud> {
  const { host = '127.0.0.1', port = 0, clock = systemClock, faults, credentials = newCredentials() } = options
  const mirror = options.folder === undefined ? undefined : new DiskMirror(join(options.folder, 's3'))
  const s3 = new S3({
    clock,
    ...(mirror && { mirror }),
    ...(options.etags && { etags: options.etags }),
    faults: options.objectFaults,
  })
  mirror?.restore(s3)
  const sqs = new Sqs({ clock: steadyClock(clock), faults: options.messageFaults })
  let started: LambdaService | undefined
  // Loaded only where it is asked for: `millrace train` starts without it.
  const control = options.control
    ? new (await import('./control/index.ts')).ControlPlane({ clock, reserve: (name, n) => lambda().reserve(name, n) })
    : undefined
  const deliver = (arn: string, body: string) => void sqs.queue(arn.slice(arn.lastIndexOf(':') + 1)).send({ body })
  const lambda = () =>
    (started ??= lambdaService({
      ...(options.clock && { clock }),
      deliver,
      credentials,
      ...options.lambda,
      ...(control && keepLogs(control, options.lambda)),
    }))

  const fronts = { s3: s3Front(s3), sqs: sqsFront(sqs), lambda: lambdaFront(lambda) }
  const server = await startServer(
    (request): AnyFront => {
      if (isSqs(request)) return fronts.sqs
      if (isLambdaPath(request.url ?? '')) return fronts.lambda
      return control?.front(request) ?? fronts.s3
    },
    {
      host,
      port,
      clock,
      guard: credentialGuard(options.alsoAccepts ? [credentials, options.alsoAccepts] : [credentials]),
      faults: control ? (request) => control.refusal(request) ?? faults?.(request) : faults,
    },
  )
  let closed: Promise<void> | undefined
  const close = () =>
    (closed ??= (async () => {
      await control?.close() // first: a learner that is told to end still has its bucket
      await started?.close()
      sqs.close()
      await server.close()
      await s3.close()
    })())
  return {
    endpoint: server.endpoint,
    credentials,
    s3,
    sqs,
    get lambda() {
      return lambda()
    },
    get control() {
      if (control !== undefined) return control
      throw new MillraceError('E_USAGE', 'this emulated cloud has no control plane; start it with control: true')
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** What functions write goes to the log groups that Lambda would give them. */
function keepLogs({ logs }: ControlPlane, { onLog }: LambdaOptions = {}): Pick<LambdaOptions, 'onLog'> {
  return {
    onLog(event) {
      logs.write(logGroupOf(event.functionName), event.logStream, event.text)
      onLog?.(event)
    },
  }
}
