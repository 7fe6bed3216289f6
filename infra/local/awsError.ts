/** An answer in the words of a service (`NoSuchKey`, `QueueDoesNotExist` …): it goes over the wire and is no error of Millrace's own. */
export class AwsError extends Error {
  override readonly name = 'AwsError'
  readonly status: number
  readonly code: string
  /** Elements or fields that some answers carry beside the code, for instance the key that was not found. */
  readonly details: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, details: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }
}
