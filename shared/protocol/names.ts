import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import { printable } from '../printable.ts'

/** A folder of that name, an attempt's number behind it and a temporary file's ending stay within what every file system takes. */
export const NAME_LETTERS = 128
const LETTERS = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
/** Windows opens a device under these names, whatever ending they have. */
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i

/**
 * Can a run, a lease or a file of a run be called so? The one rule for everything that becomes a part of a path or of an object's key,
 * on every operating system: ASCII letters, digits and `_ . -`, not a dot first or last, no Windows device, at most 128 letters.
 * So a name can never lead out of its folder, and never needs quotes in a shell.
 */
export const isName = (text: string): boolean =>
  text.length <= NAME_LETTERS && LETTERS.test(text) && !text.endsWith('.') && !DEVICE.test(text)

/** The same as a schema, for whatever is read. */
export const Name = z.string().refine(isName, {
  error: `expected a name: letters, digits and _ . -, no dot first or last, at most ${NAME_LETTERS}`,
})

/** The name itself. @throws MillraceError E_RUN when it cannot be one */
export function checkedName(text: string): string {
  if (isName(text)) return text
  throw new MillraceError(
    'E_RUN',
    `${shown(text)} cannot be the name of a run: expected letters, digits and _ . -, no dot first or last, at most ${NAME_LETTERS}`,
  )
}

const SHOWN = 60

/** In an error's sentence: quoted, without control characters, cut short. It may come from anywhere. */
const shown = (text: string): string => JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text)

/** The key of an object: S3 takes 1,024 bytes. Only ever asked of the store, never a path. */
export const ObjectKey = z.string().min(1).max(1024)

/** Is it one line, and printable as it is? */
export const isShown = (text: string): boolean => !/[\n\t]/.test(text) && printable(text) === text

/** What somebody says, in any number of lines, as `printable` shows it. */
export const Text = z.string().transform(printable)

/** A word that is shown and compared, and is no part of a path or key: an env's id, a host, a region. One line that shows all it says (`printable`), at most 512 letters. */
export const Label = z
  .string()
  .min(1)
  .max(512)
  .refine((text) => isShown(text), { error: 'expected one line without control characters' })
