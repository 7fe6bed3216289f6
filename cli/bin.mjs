#!/usr/bin/env node
// There before anything is built: npm links a package's command once, and never mends a link that led to nothing.
import { existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  console.error('error: this checkout of Millrace is not built yet; npm run build builds it')
  process.exitCode = 1
}
