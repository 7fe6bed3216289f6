// The arrows of the house: which folder may import which. Reads every import of every source file, resolves the relative ones
// and refuses those that run against an arrow. Prints how much it looked at, since a checker that saw nothing also finds nothing.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** Longest prefix first: the first row a file lies under holds. `may` are prefixes; a folder may always import itself. */
const ARROWS = [
  { room: 'learner/flow', may: ['shared/errors.ts'] },
  { room: 'learner/tensor', may: ['shared/errors.ts'] },
  {
    room: 'learner/program',
    may: ['learner/tensor', 'shared/batch/range.ts', 'shared/errors.ts', 'shared/random.ts', 'shared/policy'],
  },
  { room: 'learner/heads', may: ['learner/tensor', 'shared/errors.ts', 'shared/policy'] },
  { room: 'learner/networks', may: ['learner/tensor', 'shared/errors.ts'] },
  { room: 'learner/losses', may: ['learner/tensor', 'learner/heads', 'shared/errors.ts', 'shared/policy'] },
  { room: 'learner', may: ['shared'] },
  { room: 'functions', may: ['shared'] },
  { room: 'shared', may: [] },
  { room: 'infra', may: ['shared', 'learner', 'functions'] },
  { room: 'library', may: ['shared', 'learner', 'functions', 'infra'] },
  { room: 'cli', may: ['shared', 'learner', 'functions', 'infra', 'library'] },
]

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g

/** @returns {{ files: number, imports: number, wrong: string[] }} */
export function checkLayers(root) {
  const result = { files: 0, imports: 0, wrong: [] }
  const rooms = [...new Set(ARROWS.map(({ room }) => room.split('/')[0]))]
  for (const room of rooms) {
    for (const entry of readdirSync(join(root, room), { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && /\.(ts|mts|mjs)$/.test(entry.name))
        checkFile(root, join(entry.parentPath, entry.name), result)
    }
  }
  return result
}

function checkFile(root, file, result) {
  result.files++
  const from = relative(root, file).split(sep).join('/')
  const arrow = ARROWS.find(({ room }) => from.startsWith(`${room}/`))
  for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? match[3]
    // By its own name the package is whole: no arrow would hold.
    if (/^millrace(\/|$)/.test(specifier)) result.wrong.push(`${from} imports ${specifier}, the package itself`)
    if (!specifier.startsWith('.')) continue
    result.imports++
    const to = relative(root, resolve(dirname(file), specifier))
      .split(sep)
      .join('/')
    const allowed = [arrow.room, ...arrow.may].some((prefix) => to === prefix || to.startsWith(`${prefix}/`))
    if (!allowed)
      result.wrong.push(`${from} imports ${to}, but ${arrow.room} may import only ${arrow.may.join(', ') || 'itself'}`)
  }
}
