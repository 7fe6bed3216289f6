/**
 * Every error a user can meet, by code. The sentence says what the code means; a thrown error adds what was expected,
 * what came, and where. `docs/errors.md` lists the same codes, and a test holds the two together.
 */
export const ERROR_CODES = {
  E_PLAN_PARAMETER: 'An operator was given a parameter it cannot work with; the plan was not started.',
  E_PLAN_SHAPE: 'The plan is not a valid dataflow graph; the plan was not started.',
  E_PLAN_RESOURCE:
    'An operator of the plan needs something that was not provided to the run; the plan was not started.',
  E_PLAN_CHECKPOINT: 'A checkpoint is of another version, or of another plan.',
  E_PLAN_ABORTED: 'The plan was stopped from outside at a clean boundary.',
  E_OPERATOR: 'An operator of the plan failed; its name and its path in the plan are given.',
  E_ENV_UNKNOWN: 'No environment is registered under this id.',
  E_ENV_CONFIG: 'An environment is defined wrongly, or was given a configuration it cannot work with.',
  E_ENV_SPACE: 'An observation or action space is malformed, or does not fit what uses it.',
  E_ENV_STEP: 'An environment failed, or gave back something outside its spaces.',
  E_POLICY_SPEC: 'A policy specification does not fit the environment or is malformed.',
  E_POLICY_MODEL: 'A published policy could not be loaded or does not have the expected inputs and outputs.',
  E_BATCH_FORMAT: 'A sample batch is not in the wire format, or is of a version this program does not know.',
  E_BATCH_SHAPE: 'A column of a sample batch has the wrong shape or type.',
  E_BATCH_VALUE:
    'A sample batch holds a NaN, an infinite number, or a value that cannot be (an action that does not exist, a flag that is not 0 or 1).',
  E_BATCH_HASH:
    'The body of a message, or a recorded batch, does not have the length or hash that is promised: it was damaged.',
  E_MESSAGE:
    'A queue message does not follow its schema, is of another run, answers nothing that was asked for, or disagrees with its body.',
  E_LEASE: 'The payload of an invocation, its leases, does not follow its schema.',
  E_MANIFEST: "A run's manifest does not follow its schema.",
  E_STORE: 'The object store refused or failed a request.',
  E_STORE_PRECONDITION: 'A conditional write lost against another writer.',
  E_QUEUE: 'The queue refused or failed a request.',
  E_INVOKE: 'A function could not be invoked, or ended with an error.',
  E_ROLLOUT: 'A rollout function ended with an error.',
  E_GRAPH: 'A tensor graph could not be built: an operator, a shape or a type does not fit.',
  E_ENGINE: 'A tensor graph could not be run by the chosen engine.',
  E_NO_UPDATE: 'A run came to its limit before its first update: nothing was learned.',
  E_TRAIN_DIVERGED: 'A train step gave a NaN or an infinite number.',
  E_EXPERIMENT: 'The experiment file is missing, broken, or has a field that is not known.',
  E_USAGE: 'The command line, or a call of the library, is wrong, or names a file or folder that cannot be used.',
  E_PORT: 'A network port is already in use.',
  E_DISK: 'The disk did not let a file be written or read.',
  E_RUN_FOLDER:
    'A run folder cannot be used: it is not empty, another run is at work in it, or it does not hold a run to go on with.',
  E_FUNCTION: 'A function was declared for the emulated cloud with something that Lambda does not take.',
  E_SETTINGS:
    'The settings of the stages (millrace.settings.ts) are missing, broken, or have a field that is not known.',
  E_STAGE: 'The stage is not deployed, or was deployed by another version of Millrace.',
  E_CREDENTIALS: 'AWS did not accept the credentials, or there are none.',
  E_PERMISSION: 'The credentials lack a right that the command needs.',
  E_QUOTA: 'A quota of the AWS account is too small for what the settings ask for.',
  E_REGION: 'The region does not have what the settings ask for.',
  E_DEPLOY: 'SST could not deploy or remove the stage.',
  E_AWS: 'AWS refused or failed a request.',
  E_RUN: 'There is no such run, or its record in the bucket cannot be read.',
  E_LEARNER: 'The learner of a stage failed, or another learner serves the stage.',
  E_CHECKPOINT: 'A checkpoint cannot be read, or is not of this experiment.',
  E_EVALUATION: 'A request to the evaluate function does not follow its schema, or took longer than the function may.',
  E_INTERNAL: 'Something that should never happen did; please report it.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** Where an error happened: shard, lease, operator, path, field … plain data, printed as `key value`. */
export type Where = Readonly<Record<string, string | number | boolean | undefined>>

export interface MillraceErrorOptions extends ErrorOptions {
  /** The part of a stack that lies in the user's own code, one `at …` a line; printed with the error. */
  readonly userStack?: string | undefined
}

/** The only error class of Millrace: a code from the table, a sentence for the user, where it happened, and the cause. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: ErrorCode
  readonly where: Where
  readonly userStack: string | undefined

  constructor(code: ErrorCode, message: string, where: Where = {}, options: MillraceErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.where = where
    this.userStack = options.userStack
    // Node.js prints the fields of an error that nobody caught: those that say nothing are left out.
    if (Object.keys(where).length === 0) Object.defineProperty(this, 'where', { enumerable: false })
    if (options.userStack === undefined) Object.defineProperty(this, 'userStack', { enumerable: false })
  }
}

/** True for a MillraceError, of the given code if one is named; works across bundles, where `instanceof` does not. */
export function isMillraceError(error: unknown, code?: ErrorCode): error is MillraceError {
  return (
    error instanceof Error &&
    error.name === 'MillraceError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  )
}

/** What is longer is no slip of a finger, and comparing it would take long. */
const LONGEST_NAME = 200

/** The known name nearest to a mistyped one, for "did you mean": the distance is at most a third of its length, and two letters that changed places count as one. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > LONGEST_NAME) return undefined
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Damerau and Levenshtein's distance, of letters left out, put in, replaced, or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min(substitution, swap, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}
