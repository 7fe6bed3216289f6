import { AwsError } from '../awsError.ts'

/** What can be wrong with the credentials of a request. */
export type AuthProblem =
  | 'missing'
  | 'malformed'
  | 'unknownKey'
  | 'wrongSignature'
  /** The caller's clock, or the request's age, is off. */
  | 'skewed'
  /** A presigned URL that held once. */
  | 'expired'
  /** The body is not the one that was signed. */
  | 'otherBody'

/** How a service speaks: S3's XML, SQS's JSON 1.0, JSON 1.1, JSON over REST (Lambda, Scheduler), and forms with XML back. */
export type Protocol = 's3' | 'sqs' | 'json' | 'rest' | 'query'

type Answer = readonly [status: number, code: string]

/** As AWS answers each; SDK clients and what Millrace says of credentials go by these codes. */
const ANSWERS: Readonly<Record<Protocol, Readonly<Record<AuthProblem, Answer>>>> = {
  s3: {
    missing: [403, 'AccessDenied'],
    malformed: [400, 'AuthorizationHeaderMalformed'],
    unknownKey: [403, 'InvalidAccessKeyId'],
    wrongSignature: [403, 'SignatureDoesNotMatch'],
    skewed: [403, 'RequestTimeTooSkewed'],
    expired: [403, 'AccessDenied'],
    otherBody: [400, 'XAmzContentSHA256Mismatch'],
  },
  sqs: all(403, {
    missing: 'MissingAuthenticationToken',
    malformed: 'IncompleteSignature',
    unknownKey: 'InvalidClientTokenId',
    wrongSignature: 'SignatureDoesNotMatch',
  }),
  json: all(400, {
    missing: 'MissingAuthenticationTokenException',
    malformed: 'IncompleteSignatureException',
    unknownKey: 'UnrecognizedClientException',
    wrongSignature: 'InvalidSignatureException',
  }),
  rest: all(403, {
    missing: 'MissingAuthenticationTokenException',
    malformed: 'IncompleteSignatureException',
    unknownKey: 'UnrecognizedClientException',
    wrongSignature: 'InvalidSignatureException',
  }),
  query: all(403, {
    missing: 'MissingAuthenticationToken',
    malformed: 'IncompleteSignature',
    unknownKey: 'InvalidClientTokenId',
    wrongSignature: 'SignatureDoesNotMatch',
  }),
}

function all(
  status: number,
  codes: Readonly<Record<'missing' | 'malformed' | 'unknownKey' | 'wrongSignature', string>>,
) {
  const { missing, malformed, unknownKey, wrongSignature } = codes
  const wrong: Answer = [status, wrongSignature]
  return {
    missing: [status, missing],
    malformed: [status, malformed],
    unknownKey: [status, unknownKey],
    wrongSignature: wrong,
    skewed: wrong,
    expired: wrong,
    otherBody: wrong,
  } as const
}

/** The sentence of each, with what to do about it here. */
const SENTENCES: Readonly<Record<AuthProblem, string>> = {
  missing: 'The request has no credentials.',
  malformed:
    'The Authorization header, or the X-Amz- query of a presigned URL, is not a whole AWS4-HMAC-SHA256 signature.',
  unknownKey: 'The security token included in the request is invalid.',
  wrongSignature: 'The request signature we calculated does not match the signature you provided.',
  skewed: 'Signature expired: the time of the request and that of this machine differ too much.',
  expired: 'Request has expired',
  otherBody: 'The body of the request is not the one that was signed.',
}
const HINT = 'An emulated cloud has credentials of its own; millrace cloud prints them when it starts.'

export function authError(problem: AuthProblem, protocol: Protocol): AwsError {
  const [status, code] = ANSWERS[protocol][problem]
  const hint = problem === 'missing' || problem === 'unknownKey' || problem === 'wrongSignature' ? ` ${HINT}` : ''
  return new AwsError(status, code, SENTENCES[problem] + hint)
}
