import { isMillraceError } from '../../shared/errors.ts'
import { type Finding, ok } from './finding.ts'
import type { PreflightPorts } from './ports.ts'

const CHECK = 'credentials'

/** Are there credentials that AWS accepts, and does the region exist? Without them no other question to AWS has an answer. */
export async function checkCredentials({ account }: Pick<PreflightPorts, 'account'>): Promise<Finding> {
  try {
    const { account: id, arn, region } = await account()
    return ok(CHECK, `account ${id}, ${arn.replace(/^arn:[\w-]+:\w+::\d+:/, '')}, in ${region}`)
  } catch (error) {
    if (!isMillraceError(error)) throw error
    return { kind: 'missing', check: CHECK, problem: error }
  }
}
