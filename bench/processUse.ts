// What processes use, from /proc: Linux only.
import { readFileSync, readdirSync } from 'node:fs'

export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statusField(pid, 'PPid') === parent)
}

export const heapMb = (): number => process.memoryUsage().heapUsed / 2 ** 20

/** All that a process holds, native memory included. 0 for one that ended meanwhile. */
export const residentMb = (pid: number): number => (statusField(pid, 'VmRSS') ?? 0) / 1024

/** 0 for a process that ended meanwhile. */
export function openDescriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

function statusField(pid: number, name: string): number | undefined {
  try {
    const value = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return value === undefined ? undefined : Number(value)
  } catch {
    return undefined // it ended meanwhile
  }
}
