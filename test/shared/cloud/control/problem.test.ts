import { expect, test } from 'vitest'
import { awsProblem } from '../../../../shared/cloud/control/index.ts'
import { MillraceError } from '../../../../shared/errors.ts'

/** An error as an SDK client throws it. */
const thrown = (name: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { name, ...more })
const http = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } })

const CASES: readonly (readonly [what: string, cause: unknown, code: string, sentence: RegExp])[] = [
  [
    'no credentials',
    thrown('CredentialsProviderError', 'Could not load credentials from any providers'),
    'E_CREDENTIALS',
    /there are no AWS credentials.*aws configure/,
  ],
  ['a wrong secret', thrown('SignatureDoesNotMatch', 'x', http(403)), 'E_CREDENTIALS', /check the access key/],
  ['a key that is not', thrown('InvalidClientTokenId', 'x', http(403)), 'E_CREDENTIALS', /does not accept/],
  ['an expired session', thrown('ExpiredTokenException', 'x', http(403)), 'E_CREDENTIALS', /log in again/],
  [
    "a right that is lacking, in EC2's words",
    thrown(
      'UnauthorizedOperation',
      'You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to perform: ec2:DescribeInstanceTypeOfferings because',
      http(403),
    ),
    'E_PERMISSION',
    /the credentials lack ec2:DescribeInstanceTypeOfferings; have it allowed/,
  ],
  [
    "S3's bare refusal",
    thrown('AccessDenied', 'Access Denied', http(403)),
    'E_PERMISSION',
    /lack the right to do this/,
  ],
  ['a region that is not named', new Error('Region is missing'), 'E_REGION', /set region in millrace.settings.ts/],
  [
    'a region that does not exist',
    thrown('Error', 'getaddrinfo ENOTFOUND ssm.eu-west-99.amazonaws.com', {
      code: 'ENOTFOUND',
      hostname: 'ssm.eu-west-99.amazonaws.com',
    }),
    'E_REGION',
    /there is no host ssm\.eu-west-99\.amazonaws\.com; check the region/,
  ],
  ['a region that is not opened', thrown('OptInRequired', 'x', http(403)), 'E_REGION', /another region/],
  [
    'a name with several addresses where nobody listens',
    new AggregateError([thrown('Error', 'x', { code: 'ECONNREFUSED', address: '::1', port: 4566 })]),
    'E_AWS',
    /nothing answers at ::1:4566; is 'millrace cloud' running\?/,
  ],
  [
    'anything else',
    thrown('Throttling', 'Rate exceeded', http(400)),
    'E_AWS',
    /Rate exceeded \(Throttling, HTTP 400\)$/,
  ],
]

test.each(CASES)('%s becomes one sentence', (_what, cause, code, sentence) => {
  const problem = awsProblem('cannot deploy', cause)
  expect(problem).toMatchObject({ code, cause, message: expect.stringMatching(sentence) })
  expect(problem.message).toMatch(/^cannot deploy: /)
  expect(problem.message).not.toMatch(/\n/)
})

test('what is already said in our words stays as it is', () => {
  const ours = new MillraceError('E_STAGE', 'the stage is not there')
  expect(awsProblem('cannot deploy', ours)).toBe(ours)
})
