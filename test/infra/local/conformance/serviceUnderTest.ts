import type { Credentials } from '../../../../shared/cloud/credentials.ts'

/** A service that a conformance suite is held against: of this process, or of any other. */
export interface ServiceUnderTest {
  readonly endpoint: string
  readonly credentials: Credentials
  stop(): Promise<void>
}
