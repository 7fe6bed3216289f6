import { MillraceError } from '../../shared/errors.ts'
import { loadSettings } from '../loadSettings.ts'
import type { Variables } from '../terminal.ts'

/** Names the app whose stages commands are about, in place of a project's: what `millrace cloud --stage` prints outside a project. */
export const APP_VARIABLE = 'MILLRACE_APP'

/**
 * App and region of the stages that a command is about: those of the project around a folder, unless MILLRACE_APP names another app,
 * whose region is then AWS_REGION.
 *
 * @throws MillraceError E_SETTINGS
 */
export async function stageApp(
  cwd: string,
  env: Variables,
): Promise<{ readonly app: string; readonly region: string }> {
  const app = env[APP_VARIABLE]
  if (!app) return await loadSettings(cwd)
  const region = env['AWS_REGION']
  if (region) return { app, region }
  throw new MillraceError('E_SETTINGS', `${APP_VARIABLE} is '${app}', but no AWS_REGION says where its stages are`)
}
