import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from '../../shared/errors.ts'
import { print } from '../display/wrap.ts'
import { EXIT, type Signal, signalExitCode } from '../exitCodes.ts'
import type { Host } from '../host.ts'
import type { Variables } from '../terminal.ts'
import { installedPackage } from './installed.ts'

/** Runs SST in a project's folder; see `runSst`. */
export type RunSst = typeof runSst

/**
 * Runs SST in the project's folder with its output passed through, and waits for it. Ctrl-C reaches it by itself; another signal goes
 * on to it. Credentials reach it as they reached us: in the environment and in files, never as arguments.
 *
 * @returns 0, or 128 + n when signal n ended it: 130 for Ctrl-C
 * @throws MillraceError E_DEPLOY when it cannot be started, fails, or was interrupted before it was done
 */
export async function runSst(args: readonly string[], folder: string, host: Host): Promise<number> {
  const program = await sstProgram(folder, host.env)
  const name = `sst ${args.join(' ')}`
  let interrupted: Signal | undefined
  const child = spawn(program, args, { cwd: folder, env: host.env, stdio: 'inherit' })
  const unwatch = host.onSignal((signal) => {
    interrupted ??= signal
    if (signal !== 'SIGINT') child.kill('SIGTERM')
  })
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', (cause) => reject(new MillraceError('E_DEPLOY', `cannot start '${name}'`, {}, { cause })))
      child.on('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
    })
    if (interrupted !== undefined) {
      print(host.err, `'${name}' was ended by ${interrupted}; the same command goes on where it stopped`)
      return signalExitCode(interrupted)
    }
    if (status === 0 && !(await wasInterrupted(folder, host.env))) return EXIT.ok
    const how = status === 0 ? 'was interrupted' : `ended with status ${status}`
    throw new MillraceError(
      'E_DEPLOY',
      `'${name}' ${how}; what it says is above, and the same command goes on where it stopped`,
    )
  } finally {
    unwatch()
  }
}

/**
 * Whether the last `sst deploy` or `sst remove` in a folder was interrupted. Its status is 0 then all the same: after a signal, and, without
 * one, where two on a machine began at once. Each looks for a free port and takes it a little later, and the one that comes too late
 * interrupts itself. Only its log tells, where SST_LOG does not put it elsewhere.
 */
export async function wasInterrupted(folder: string, env: Variables): Promise<boolean> {
  if (env['SST_LOG']) return false
  const log = await readFile(join(folder, '.sst/log/sst.log'), 'utf8').catch(() => '')
  return log.includes('msg="sending interrupt"')
}

/**
 * SST's program itself. Its npm command is a wrapper that waits for the program without passing signals on, so that ending the wrapper would
 * leave a deployment at work that nobody sees.
 */
async function sstProgram(folder: string, env: Variables): Promise<string> {
  const given = env['SST_BIN_PATH'] // the wrapper's own variable
  if (given) return given
  const sst = await installedPackage('sst', folder)
  if (!sst) throw new MillraceError('E_DEPLOY', `SST is not installed in ${folder}; npm install brings it`)
  const platform = `sst-${process.platform}-${process.arch}`
  try {
    return createRequire(join(sst.folder, 'package.json')).resolve(
      `${platform}/bin/sst${process.platform === 'win32' ? '.exe' : ''}`,
    )
  } catch (cause) {
    throw new MillraceError(
      'E_DEPLOY',
      `SST's program for this machine (the package ${platform}) is not installed; npm install --include=optional brings it`,
      {},
      { cause },
    )
  }
}
