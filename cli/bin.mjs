#!/usr/bin/env node
// There before anything is built: npm links a package's command once, and never mends a link that led to nothing.
import { existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  const checkout = existsSync(new URL('../tsconfig.json', import.meta.url))
  console.error(
    checkout
      ? 'error: this checkout of Millrace is not built yet; npm run build builds it'
      : 'error: this package of Millrace is empty: it was packed before it was built; npm run pack makes a whole one',
  )
  process.exitCode = 1
}
