import { quoted } from '../display/shell.ts'

/** The command that goes on with an interrupted run, as a shell takes it. @param folder as its user would type it */
export function goOnCommand(folder: string, { serial }: { readonly serial: boolean }): string {
  const path = quoted(folder.startsWith('-') ? `./${folder}` : folder || '.')
  return `npx millrace train --resume ${path}${serial ? ' --serial' : ''}`
}
