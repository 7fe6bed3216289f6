import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { packageFolder } from './packages.ts'

/** What a function is made of, relative to the project, as SST wants it. */
export interface FunctionFiles {
  readonly handler: string
  readonly copyFiles: { from: string; to: string }[]
}

/**
 * The files of one of Millrace's functions: its bundle, and onnxruntime for the function's own platform, nothing else of it. All its
 * platforms together (288 MB) are more than Lambda takes.
 *
 * @throws Error when Millrace was not built
 */
export function functionFiles(of: 'rollout' | 'evaluate', architecture: 'arm64' | 'x86_64'): FunctionFiles {
  const { root } = $cli.paths
  const millrace = packageFolder('millrace', root)
  const bundle = join(millrace, 'dist/functions', of)
  if (!existsSync(`${bundle}.mjs`)) throw new Error(`${bundle}.mjs is missing; run npm run build in ${millrace}`)
  const onnxruntime = packageFolder('onnxruntime-node', millrace)
  const common = packageFolder('onnxruntime-common', onnxruntime)
  const binaries = `bin/napi-v6/linux/${architecture === 'arm64' ? 'arm64' : 'x64'}`
  const copies = [
    ...['package.json', 'dist', binaries].map((file) => ['onnxruntime-node', onnxruntime, file] as const),
    ...['package.json', 'dist/cjs'].map((file) => ['onnxruntime-common', common, file] as const),
  ]
  return {
    handler: `${relative(root, bundle)}.handler`,
    copyFiles: copies.map(([name, folder, file]) => ({
      from: relative(root, join(folder, file)),
      to: `node_modules/${name}/${file}`,
    })),
  }
}
