// Lint, import directions, formatting and dead code, in one command; prints what each looked at.
import { spawnSync } from 'node:child_process'
import { checkLayers } from './layers.mjs'

const { files, imports, wrong } = checkLayers(process.cwd())
for (const line of wrong) console.error(`layers: ${line}`)
console.log(`layers: ${files} files, ${imports} relative imports, ${wrong.length} against the arrows`)
if (files === 0) wrong.push('nothing was looked at')

const run = (...command) => spawnSync('npx', command, { stdio: 'inherit' }).status === 0
const linted = run('oxlint', '--type-aware')
const formatted = run('oxfmt', '--check')
const alive = run('knip')
process.exit(wrong.length === 0 && linted && formatted && alive ? 0 : 1)
