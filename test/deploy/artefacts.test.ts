import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { elfMachine, zipEntries } from '../artefact/zip.ts'
import { OTHER, VARIANTS, recorded } from './variants.ts'

/** Lambda's limits: 50 MB is that of a direct upload, which SST does not even make. */
const ZIPPED = 50_000_000
const UNZIPPED = 262_144_000

test.each(['arm64', 'x86_64'] as const)(
  'the zips that SST builds for %s fit into Lambda and hold that platform and no other',
  async (architecture) => {
    const { artefacts } = await recorded(architecture === 'arm64' ? VARIANTS.anywhere : OTHER)
    for (const [name, file] of Object.entries(artefacts)) {
      const zip = readFileSync(file)
      const entries = zipEntries(zip)
      const unzipped = entries.reduce((sum, { bytes }) => sum + bytes, 0)
      console.log(`${name} ${architecture}: ${zip.length} bytes zipped, ${unzipped} unzipped, ${entries.length} files`)
      expect(zip.length).toBeLessThan(ZIPPED)
      expect(unzipped).toBeLessThan(UNZIPPED)
      const folder = `node_modules/onnxruntime-node/bin/napi-v6/linux/${architecture === 'arm64' ? 'arm64' : 'x64'}/`
      const binaries = entries.filter((entry) => elfMachine(entry.read()) !== undefined)
      expect(Object.fromEntries(binaries.map((entry) => [entry.name, elfMachine(entry.read())]))).toEqual({
        [`${folder}libonnxruntime.so.1`]: architecture,
        [`${folder}onnxruntime_binding.node`]: architecture,
      })
      const names = entries.map((entry) => entry.name)
      expect(names.filter((each) => /\.(dll|dylib|exe)$|darwin|win32/.test(each))).toEqual([])
      // What SST would add for linked resources, with a key for it in a variable.
      expect(names).not.toContain('resource.enc')
      expect(names).toContain('bundle.mjs')
    }
  },
)
