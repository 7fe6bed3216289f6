import { realpath } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { closeOpenEnvs } from '../shared/env/closing.ts'
import { MillraceError, isMillraceError } from '../shared/errors.ts'
import { showThrown } from '../shared/showValue.ts'
import { userTrace } from '../shared/userCode/index.ts'
import { knowBundle } from '../shared/userCode/sourceMapped.ts'

/**
 * Imports the module of a user's own env (see `bundleEnvCode`). From then on errors in it name the user's files and lines.
 *
 * @param id of the env, for the message
 * @param file absolute path that holds `code`
 * @param describe the sentence for what it throws
 * @throws MillraceError E_ENV_CONFIG when it throws while it is loaded, or of the code that it threw
 */
export async function importUserModule(
  id: string,
  file: string,
  code: Uint8Array,
  describe: (id: string, thrown: string) => string = (env, thrown) =>
    `the code of env '${env}' threw while it was loaded: ${thrown}`,
): Promise<Readonly<Record<string, unknown>>> {
  const real = await realpath(file) // as stacks name it
  knowBundle(real, new TextDecoder().decode(code))
  closeEnvsAtExit()
  try {
    return (await import(pathToFileURL(real).href)) as Record<string, unknown>
  } catch (cause) {
    const { at, stack } = userTrace(cause)
    const known = isMillraceError(cause) ? cause : undefined
    const message = describe(id, known ? known.message : showThrown(cause))
    const where = { env: id, ...(at !== undefined && { at }), ...known?.where }
    throw new MillraceError(known?.code ?? 'E_ENV_CONFIG', message, where, { cause, userStack: stack })
  }
}

let closesAtExit = false

/** Closes the user's envs when this process exits. */
function closeEnvsAtExit(): void {
  if (closesAtExit) return
  closesAtExit = true
  process.on('exit', closeOpenEnvs)
}
