import { spawnSync } from 'node:child_process'

/**
 * Runs a command as in a user's shell, without what npm told this process of the checkout's settings.
 *
 * @returns what it wrote to stdout
 * @throws Error with everything that it wrote, unless its status is 0
 */
export function run(command: string, args: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}): string {
  const { status, out, err } = tried(command, args, cwd, more)
  if (status === 0) return out
  throw new Error(`${command} ${args.join(' ')} ended with status ${status}\n${out}\n${err}`)
}

export function tried(command: string, args: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}) {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$|^VITEST/i.test(name))
  const env = { ...Object.fromEntries(own), NO_COLOR: '1', CI: '1', ...more }
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env })
  return { status, out: stdout, err: stderr }
}
