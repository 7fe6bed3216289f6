import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { MillraceError } from '../../shared/errors.ts'
import { diskError, errorCode, type FileSystem, writePlain } from './disk.ts'
import { ProcessMark, processState, thisProcess } from './processMark.ts'

/** A process renews its claim every second. A claim of another machine that is older than this is stale. */
const STALE_MS = 30_000
const LOOK_MS = 500

const CLAIM_FILE = /^\.claim-(\d+)\.json$/
const fileOf = (number: number): string => `.claim-${number}.json`

/** Is this the name of a claim file? */
export const isClaimFile = (name: string): boolean => CLAIM_FILE.test(name)

const Holder = z.object({ process: ProcessMark, since: z.string() })
type Holder = z.infer<typeof Holder>

/** The claim of this run on its folder. */
export interface Claim {
  /** Renews it. @throws MillraceError E_RUN_FOLDER when another run has taken the folder over */
  renew(): Promise<void>
  release(): Promise<void>
}

export interface ClaimOptions {
  /** Take over the claim of a dead process instead of refusing the folder. */
  readonly takeOver: boolean
  readonly files: FileSystem
  /** Waits; a test passes its own. */
  readonly pause?: (ms: number) => Promise<unknown>
}

/**
 * Claims a folder for one run. The claim is a numbered file, made exclusively: of two that come at once one gets the number. To take
 * over from a process that is gone is to make the next number, so that of two that try it only one can. A claim dies with its
 * process: on this machine that is looked up, from another one it has to be renewed.
 *
 * @throws MillraceError E_RUN_FOLDER naming who has it; E_DISK
 */
export async function claimFolder(folder: string, options: ClaimOptions): Promise<Claim> {
  const { files, takeOver, pause = sleep } = options
  for (;;) {
    const before = await claimsIn(folder, files)
    const newest = before.at(-1)
    if (newest !== undefined) {
      const holder = await readHolder(folder, newest, files)
      if (holder === 'released') continue
      if (!takeOver || (await isHeld(folder, { number: newest, holder, files, pause }))) throw held(folder, holder)
    }
    const number = (newest ?? 0) + 1
    const path = join(folder, fileOf(number))
    if (!(await makeExclusively(path, files))) continue
    // A slower process may hold another number. Both see each other now, and at least one gives way.
    const rivals = (await claimsIn(folder, files)).filter((other) => other !== number && !before.includes(other))
    if (rivals.length > 0) {
      await files.rm(path, { force: true })
      throw held(folder, undefined)
    }
    for (const old of before) await files.rm(join(folder, fileOf(old)), { force: true })
    return heldClaim(folder, path, files)
  }
}

function heldClaim(folder: string, path: string, files: FileSystem): Claim {
  return {
    async renew() {
      const now = new Date()
      try {
        await files.utimes(path, now, now)
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') return // the next one may get through; others wait for that long
        throw new MillraceError('E_RUN_FOLDER', await whyLost(folder, files))
      }
    },
    async release() {
      await files.rm(path, { force: true }).catch(() => {}) // it dies with this process
    },
  }
}

/** Why a claim is not there any more: somebody has it, or has had it, or the whole folder is gone. */
async function whyLost(folder: string, files: FileSystem): Promise<string> {
  const isThere = await files.stat(folder).then(
    () => true,
    (error: unknown) => errorCode(error) !== 'ENOENT',
  )
  return isThere
    ? `another run has taken over ${folder}, since this one stood still`
    : `the run folder ${folder} was removed while its run was at work`
}

async function claimsIn(folder: string, files: FileSystem): Promise<number[]> {
  const names = await files.readdir(folder).catch((error: unknown) => {
    throw diskError(error, 'read', folder)
  })
  return names
    .flatMap((name) => CLAIM_FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/** undefined for a claim that is half-written. */
async function readHolder(folder: string, number: number, files: FileSystem): Promise<Holder | undefined | 'released'> {
  try {
    return Holder.parse(JSON.parse(await files.readFile(join(folder, fileOf(number)), 'utf8')))
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'released' : undefined
  }
}

interface Looking {
  readonly number: number
  readonly holder: Holder | undefined
  readonly files: FileSystem
  readonly pause: (ms: number) => Promise<unknown>
}

/** Is the process of this claim still alive? Where that cannot be looked up, the claim is watched until it is renewed or stale. */
async function isHeld(folder: string, { number, holder, files, pause }: Looking): Promise<boolean> {
  const state = holder ? processState(holder.process) : 'unknown'
  if (state !== 'unknown') return state === 'alive'
  const path = join(folder, fileOf(number))
  const renewedAt = async () => (await files.stat(path).catch(() => undefined))?.mtimeMs
  const first = await renewedAt()
  if (first === undefined) return true // it was released or taken over in this moment
  let age = (await fileSystemNow(folder, files)) - first
  for (; age < STALE_MS; age += LOOK_MS) {
    await pause(LOOK_MS)
    if ((await renewedAt()) !== first) return true
  }
  return false
}

/** Now, by the clock that stamps the files of this folder: another machine's may differ from ours. */
async function fileSystemNow(folder: string, files: FileSystem): Promise<number> {
  const probe = join(folder, `.now-${randomUUID()}.tmp`)
  try {
    await (await files.open(probe, 'wx')).close()
    return (await files.stat(probe)).mtimeMs
  } catch (error) {
    throw diskError(error, 'write', probe)
  } finally {
    await files.rm(probe, { force: true })
  }
}

/** @returns false when it is there already */
async function makeExclusively(path: string, files: FileSystem): Promise<boolean> {
  const holder: Holder = { process: thisProcess(), since: new Date().toISOString() }
  const body = `${JSON.stringify(holder)}\n`
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await writePlain(temporary, body, { flag: 'wx', files })
    try {
      await files.link(temporary, path) // whole at once: nobody sees half of it
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      await writePlain(path, body, { flag: 'wx', files }) // a file system without links
    }
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw diskError(error, 'write', path)
  } finally {
    await files.rm(temporary, { force: true })
  }
}

function held(folder: string, holder: Holder | undefined | 'released'): MillraceError {
  if (typeof holder !== 'object')
    return new MillraceError('E_RUN_FOLDER', `another run is at work in ${folder}; name another folder`)
  const { host, pid } = holder.process
  const dead = processState(holder.process) === 'dead'
  const who = `process ${pid} on ${host}, since ${holder.since}`
  return dead
    ? new MillraceError(
        'E_RUN_FOLDER',
        `${folder} holds a run that was interrupted (${who}); go on with it (--resume), or name another folder`,
      )
    : new MillraceError('E_RUN_FOLDER', `another run is at work in ${folder} (${who}); name another folder`)
}

/** Is a process of this machine at work in this folder? */
export async function isHeldHere(folder: string, files: FileSystem): Promise<boolean> {
  const newest = (await claimsIn(folder, files)).at(-1)
  const holder = newest === undefined ? undefined : await readHolder(folder, newest, files)
  return typeof holder === 'object' && processState(holder.process) === 'alive'
}
