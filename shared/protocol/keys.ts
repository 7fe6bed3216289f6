import { checkedName as named } from './names.ts'

const ordered = (n: number): string => String(n).padStart(9, '0')

/**
 * Every object key, in one place. What dies at another time, or is written by another role, lies under another prefix: the bucket's
 * lifecycle rules and its permissions go by prefix. Versions and sequences are padded so that a listing is in order.
 *
 * A run may be learned in several attempts (a spot instance went away): each is a run of its own to the functions, by the name
 * `attemptName` gives it, so that nothing of an earlier one can be taken for it.
 *
 * @throws MillraceError E_RUN, each of them, for a run or lease whose name is none (`names.ts`): no key leads out of its prefix
 */
export const keys = {
  manifest: (run: string) => `runs/${named(run)}/manifest.json`,
  /** What the learner says of a run; polled by whoever follows it. */
  status: (run: string) => `runs/${named(run)}/status.json`,
  /** A user's wish that a run end. */
  stop: (run: string) => `runs/${named(run)}/stop.json`,
  /** The metrics log in pieces, numbered from 0. */
  metrics: (run: string, piece: number) => `runs/${named(run)}/metrics/${ordered(piece)}.jsonl`,
  /** The files of the run folder, by their names there. */
  result: (run: string, file: string) => `runs/${named(run)}/result/${named(file)}`,
  /** The batch of an update that diverged. */
  diverged: (run: string, update: number) => `runs/${named(run)}/diverged/update-${update}.safetensors`,
  /** Of an attempt: a learner that was replaced, and does not know it yet, writes over nothing of the next one's. */
  checkpoint: (run: string, updates: number, attempt = 1) =>
    `checkpoints/${named(run)}/${ordered(updates)}${attempt === 1 ? '' : `.${attempt}`}.safetensors`,
  checkpoints: (run: string) => `checkpoints/${named(run)}/`,
  policy: (run: string, version: number) => `policies/${named(run)}/${ordered(version)}.onnx`,
  batch: (run: string, shard: number, lease: string, sequence: number) =>
    `batches/${named(run)}/${shard}/${named(lease)}-${ordered(sequence)}.safetensors`,
  /** Where a lease left the envs of its shard. */
  envState: (run: string, shard: number, lease: string) => `states/${named(run)}/${shard}/${named(lease)}.safetensors`,
  /** Where the envs of a shard stood under a lease, before the fragment with this sequence number. */
  savePoint: (run: string, shard: number, lease: string, sequence: number) =>
    `states/${named(run)}/${shard}/${named(lease)}-${ordered(sequence)}.safetensors`,
  /** Modules, named by their hash: the env for functions, the experiment for the learner. */
  code: (run: string, sha256: string) => `code/${named(run)}/${sha256.slice(0, 16)}.mjs`,
  /** Compiled graphs that functions run, named by their hash. */
  graph: (run: string, sha256: string) => `graphs/${named(run)}/${sha256.slice(0, 16)}.onnx`,
  /** Runs that wait for a stage's learner, or are with it. */
  request: (run: string) => `stage/requests/${named(run)}.json`,
  requests: 'stage/requests/',
  /** One empty object a run, in the order in which they were asked for: a list of runs costs one request. Only the command line uses it. */
  listed: (run: string, requestedAt: number) =>
    `stage/runs/${String(Math.floor(requestedAt)).padStart(15, '0')}-${named(run)}`,
  listedRuns: 'stage/runs/',
  /** Which learner serves the stage. */
  claim: 'stage/learner.json',
  /** `millrace doctor` is at work; it alone writes it, with the rights of whoever deployed. */
  doctor: 'stage/doctor.json',
} as const

/** The run that a key under `keys.requests` asks for: whatever text, a name or not. */
export const runOfRequest = (key: string): string => key.slice(keys.requests.length).replace(/\.json$/, '')

/** The run that a key under `keys.listedRuns` lists, likewise. */
export const runOfListed = (key: string): string => key.slice(keys.listedRuns.length + 16)

/** The name under which functions know the n-th attempt at a run, from 1. */
export const attemptName = (run: string, attempt: number): string => (attempt === 1 ? run : `${run}.${attempt}`)
