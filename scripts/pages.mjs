// npm run pages: writes docs/algorithms/README.md.
import { writeFileSync } from 'node:fs'
import { asked } from './learn/measure.mjs'
import { algorithmFiles } from './lines.mjs'
import { pageOf } from './pages/page.mjs'

const page = pageOf(asked('list', 'algorithms', '--json'), algorithmFiles(process.cwd()))
writeFileSync('docs/algorithms/README.md', page)
console.log(`docs/algorithms/README.md: ${page.split('\n').length} lines`)
