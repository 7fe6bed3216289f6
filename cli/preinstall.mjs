// Runs before any other package's install script, where npm runs them at all. onnxruntime-node's would download CUDA libraries:
// some hundred MB from another registry. On a closed network its failure ends the installation without a word, and on an open one
// they make functions too big for Lambda. Only a learner with the engine onnxruntime-cuda uses them, and its image brings newer ones.
// That script leaves alone what is there already, so a line of text stands in for each file.
import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const NOTE =
  'Not installed: of Millrace only the engine onnxruntime-cuda uses it. ONNXRUNTIME_NODE_INSTALL=true npm rebuild onnxruntime-node installs it.\n'

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
