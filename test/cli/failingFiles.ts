import { nodeFiles, type FileSystem } from '../../library/run/disk.ts'

/** Every call of the real file system, counted; the one with number `failAt` (from 0) and all after it fail as a full disk does. */
export function failingFiles(failAt = Infinity, code = 'ENOSPC'): FileSystem & { readonly calls: string[] } {
  const calls: string[] = []
  const attempt = (name: string) => {
    calls.push(name)
    if (calls.length > failAt) throw Object.assign(new Error(`${code}: it fails`), { code })
  }
  const files = {
    calls,
    async mkdir(...args: Parameters<FileSystem['mkdir']>) {
      attempt('mkdir')
      return await nodeFiles.mkdir(...args)
    },
    async open(...args: Parameters<FileSystem['open']>) {
      attempt('open')
      const handle = await nodeFiles.open(...args)
      const writeFile = handle.writeFile.bind(handle)
      const appendFile = handle.appendFile.bind(handle)
      const sync = handle.sync.bind(handle)
      const half = (body: unknown) =>
        Buffer.isBuffer(body) || typeof body === 'string' ? body.slice(0, body.length >> 1) : ''
      return Object.assign(handle, {
        // A disk fills up in the middle of a write: half of it is there.
        async writeFile(body: string) {
          try {
            attempt('writeFile')
          } catch (error) {
            await writeFile(half(body))
            throw error
          }
          await writeFile(body)
        },
        async appendFile(body: Buffer) {
          try {
            attempt('appendFile')
          } catch (error) {
            await appendFile(half(body))
            throw error
          }
          await appendFile(body)
        },
        async sync() {
          attempt('sync')
          await sync()
        },
      })
    },
    async rename(...args: Parameters<FileSystem['rename']>) {
      attempt('rename')
      return await nodeFiles.rename(...args)
    },
    readFile: nodeFiles.readFile,
    readdir: nodeFiles.readdir,
    async link(...args: Parameters<FileSystem['link']>) {
      attempt('link')
      return await nodeFiles.link(...args)
    },
    rm: nodeFiles.rm,
    rmdir: nodeFiles.rmdir,
    stat: nodeFiles.stat,
    utimes: nodeFiles.utimes,
  }
  return files as FileSystem & { readonly calls: string[] }
}
