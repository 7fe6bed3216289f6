import { basename } from 'node:path'
import { quoted } from '../display/shell.ts'
import type { Variables } from '../terminal.ts'
import { projectMillrace } from './installed.ts'

/**
 * How to type this command in a folder so that this installation answers: `npx millrace` where npx finds it, else as it was started.
 *
 * @param started the file that Node.js was started with
 */
export async function ownCommand(
  { cwd, env }: { readonly cwd: string; readonly env: Variables },
  started: string = process.argv[1] ?? '',
): Promise<string> {
  if (env['npm_command'] === 'exec' || (await isInstalled(cwd))) return 'npx millrace'
  return basename(started) === 'millrace' ? 'millrace' : `node ${quoted(started)}`
}

const isInstalled = async (cwd: string): Promise<boolean> =>
  (await projectMillrace(cwd).catch(() => undefined)) !== undefined
