// npm run lines: code lines (no blanks, no comments, no imports) of each algorithm's plan and of its whole file, beside RLlib Flow's plans. Fails where a
// plan is longer than RLlib Flow's, or a file is over 120 lines. Prints how much it looked at: a count of nothing also finds nothing.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * RLlib Flow's execution plans with the operators that only they use, in code lines, counted in ray-project/ray as of November 2020
 * (rllib/agents/<name>/). There, too, imports and shared operators are left out.
 */
export const RLLIB_FLOW = {
  a2c: [18, 'plan 18'],
  a3c: [4, 'plan 4; the paper says 11'],
  ppo: [43, 'plan 30, UpdateKL 13'],
  ddppo: [75, 'plan 75'],
  impala: [91, 'plan 24, operators 67'],
  appo: [91, "IMPALA's"],
}
/** The paper's own count of A3C has more in it than the plan. */
const ALLOWED = { a3c: 11 }
export const MOST_LINES = 120

/** Lines of code with text in them, without comments and imports. Text in quotes is kept as it is. */
export function codeLines(source) {
  const withoutComments = source.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[^]*?\*\/|\/\/[^\n]*/g,
    (all, text) => text ?? '',
  )
  const withoutImports = withoutComments.replace(/^import\b[^'"]*(['"])[^'"\n]*\1;?$/gm, '')
  return withoutImports.split('\n').filter((line) => line.trim() !== '')
}

/** Parts of plans that several algorithms use, `export const <name> = (plan, …) => …`: their lines by name. */
export function sharedParts(sources) {
  const parts = {}
  for (const source of sources) {
    const lines = codeLines(source)
    for (const [at, line] of lines.entries()) {
      const name = /^export const (\w+)\b[^=]*= \(plan\b/.exec(line)?.[1]
      if (name === undefined) continue
      const rest = lines.slice(at + 1)
      const end = rest.findIndex((next) => /^[^\s}]/.test(next))
      parts[name] = [line, ...rest.slice(0, end < 0 ? undefined : end)].filter((part) => /\w/.test(part))
    }
  }
  return parts
}

/** The plan's lines: from `plan` to where its brackets close, with what it takes of shared parts. @throws Error where a file has no plan */
export function planLines(source, { name = 'the file', parts = {} } = {}) {
  const lines = codeLines(source)
  const from = lines.findIndex((line) => /^ {2}plan(\(|: )/.test(line))
  if (from < 0) throw new Error(`${name} has no plan`)
  const rest = lines.slice(from + 1)
  const next = rest.findIndex((line) => /^ {2}\w|^}/.test(line)) // the next property, or the end of the definition
  const plan = [lines[from], ...rest.slice(0, next < 0 ? undefined : next)]
  const taken = Object.entries(parts).filter(([part]) => plan.some((line) => new RegExp(`\\b${part}\\b`).test(line)))
  // Python, which it is compared with, has no lines of brackets.
  return [...plan.filter((line) => /\w/.test(line)), ...taken.flatMap(([, lines]) => lines)]
}

/**
 * @param {Record<string, string>} files source by name
 * @param {string[]} beside sources of what they share
 * @returns {{ rows: object[], wrong: string[] }}
 */
export function counted(files, beside = []) {
  const wrong = []
  const parts = sharedParts([...Object.values(files), ...beside])
  const rows = Object.entries(files).map(([name, source]) => {
    const [plan, file] = [planLines(source, { name, parts }).length, codeLines(source).length]
    const [figure, what] = RLLIB_FLOW[name] ?? []
    const most = ALLOWED[name] ?? figure
    if (most !== undefined && plan > most) wrong.push(`${name}: a plan of ${plan} lines, RLlib Flow has ${most}`)
    if (file > MOST_LINES) wrong.push(`${name}: a file of ${file} lines, at most ${MOST_LINES}`)
    return { name, plan, file, theirs: what ?? '-' }
  })
  if (rows.length === 0) wrong.push('no algorithm was looked at')
  return { rows, wrong }
}

/** The algorithms of a checkout, as its registry names them. @throws Error where it cannot be read */
export function algorithmFiles(root) {
  const folder = join(root, 'learner/algorithms')
  const registry = /export const ALGORITHMS = \{([^}]*)\}/.exec(readFileSync(join(folder, 'index.ts'), 'utf8'))?.[1]
  if (registry === undefined) throw new Error('learner/algorithms/index.ts has no ALGORITHMS')
  const names = registry
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, `${name}.ts`), 'utf8')]))
}

/** What several algorithms share. */
export function sharedFiles(root) {
  const folder = join(root, 'learner/algorithms')
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { rows, wrong } = counted(algorithmFiles(process.cwd()), sharedFiles(process.cwd()))
  console.log('algorithm  plan  file  RLlib Flow')
  for (const { name, plan, file, theirs } of rows)
    console.log(`${name.padEnd(9)}  ${String(plan).padStart(4)}  ${String(file).padStart(4)}  ${theirs}`)
  console.log(`lines: ${rows.length} algorithms, ${wrong.length} over their limit`)
  for (const line of wrong) console.error(`lines: ${line}`)
  process.exit(wrong.length === 0 ? 0 : 1)
}
