import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { inflateRawSync } from 'node:zlib'

/** A file of a zip, not yet inflated. */
export interface ZipEntry {
  readonly name: string
  readonly bytes: number
  /** Its permission bits; 0 where the zip says nothing of them. */
  readonly mode: number
  read(): Buffer
}

const END = 0x06054b50
const ENTRY = 0x02014b50

/** The files of a zip, by its central directory; folders are left out. Stored and deflated entries, no zip64. */
export function zipEntries(zip: Buffer): ZipEntry[] {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end < 0 || zip.readUInt32LE(end) !== END) throw new Error('not a zip')
  const entries: ZipEntry[] = []
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(at) !== ENTRY) throw new Error(`no entry of a zip's directory at ${at}`)
    const [method, packed, bytes] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 24)]
    const [nameBytes, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ]
    const name = zip.toString('utf8', at + 46, at + 46 + nameBytes)
    const header = zip.readUInt32LE(at + 42)
    const mode = (zip.readUInt32LE(at + 38) >>> 16) & 0o777
    const read = (): Buffer => {
      const from = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28)
      const data = zip.subarray(from, from + packed)
      const body = method === 8 ? inflateRawSync(data) : data
      if ((method !== 0 && method !== 8) || body.length !== bytes) throw new Error(`${name} is packed in another way`)
      return body
    }
    if (!name.endsWith('/')) entries.push({ name, bytes, mode, read })
    at += 46 + nameBytes + extra + comment
  }
  return entries
}

/** Writes the files below a folder. @throws Error when one would lie outside */
export function unzip(entries: readonly ZipEntry[], folder: string): void {
  const root = resolve(folder) + sep
  for (const entry of entries) {
    const { name, mode } = entry
    const file = resolve(join(folder, name))
    if (!file.startsWith(root)) throw new Error(`${name} lies outside`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, entry.read(), mode === 0 ? {} : { mode })
  }
}

/** What an ELF file is made for, by its header. @returns undefined for other files */
export function elfMachine(body: Buffer): 'x86_64' | 'arm64' | number | undefined {
  if (body.length < 20 || body.readUInt32BE(0) !== 0x7f454c46) return undefined
  const machine = body.readUInt16LE(18)
  return machine === 62 ? 'x86_64' : machine === 183 ? 'arm64' : machine
}
