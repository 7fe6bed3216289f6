import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, platform } from 'node:os'
import { z } from 'zod'

/** Identifies a process, also against a later process with the same process id. */
export const ProcessMark = z.object({
  host: z.string(),
  pid: z.number().int(),
  /** The boot of the machine and the container. A process id means nothing outside of them. */
  place: z.string(),
  /** Start time of the process as the system reports it; empty where the system has none. */
  began: z.string(),
})
export type ProcessMark = z.infer<typeof ProcessMark>

export function thisProcess(): ProcessMark {
  return { host: hostname(), pid: process.pid, place: placeHere(), began: beganAt(process.pid) ?? '' }
}

/** Does that process still run? `unknown` when it was of another machine or container. */
export function processState(mark: ProcessMark): 'alive' | 'dead' | 'unknown' {
  if (mark.host !== hostname() || mark.place !== placeHere()) return 'unknown'
  try {
    process.kill(mark.pid, 0)
  } catch (error) {
    // EPERM: it runs, and belongs to another user.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return 'dead'
  }
  const began = beganAt(mark.pid)
  return began === undefined || began === mark.began ? 'alive' : 'dead'
}

function placeHere(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return platform()
  }
}

function beganAt(pid: number): string | undefined {
  try {
    if (platform() !== 'linux') return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], QUIET).trim()
    // The process name stands in brackets and may hold any character. The start time is the 20th field after it.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

const QUIET = { encoding: 'utf8', stdio: 'pipe' } as const
