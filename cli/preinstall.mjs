// Runs before any other package's install script, where npm runs them at all. onnxruntime-node's would download CUDA libraries:
// some hundred MB from another registry, which Millrace never loads, which make its functions too big for Lambda, and whose
// absence ends the installation without a word on a closed network. That script leaves alone what is there already, so a line
// of text stands in for each of them. `ONNXRUNTIME_NODE_INSTALL=cuda12` still gets the real ones.
import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const NOTE =
  'Not installed: Millrace does not use CUDA through onnxruntime. ONNXRUNTIME_NODE_INSTALL=cuda12 installs it.\n'

const built = existsSync(new URL('../dist/cli/main.js', import.meta.url))
const checkout = existsSync(new URL('../tsconfig.json', import.meta.url))
if (built || checkout) standIn()
else {
  console.error(
    'error: this package of Millrace is empty: it was packed before it was built; npm run pack makes a whole one',
  )
  process.exitCode = 1
}

/** Never fails: what it cannot prevent, npm then says. */
function standIn() {
  try {
    const require = createRequire(import.meta.url)
    const runtime = dirname(require.resolve('onnxruntime-node/package.json'))
    const { requirements, manifests } = require(join(runtime, 'script/install-metadata.js'))
    const platform = `${process.platform}/${process.arch}`
    const folder = join(runtime, 'bin/napi-v6', platform)
    for (const name of requirements[platform] ?? []) {
      for (const file of Object.keys(manifests[`${platform}:${name}`] ?? {})) {
        const path = join(folder, file)
        if (!existsSync(path)) writeFileSync(path, NOTE)
      }
    }
  } catch {}
}
