// docs/algorithms/README.md: a section an algorithm, from what the command knows of it and from what its file says of its sources.
import { METRICS, SETTINGS } from './meanings.mjs'

/**
 * @param {{ name: string, about: string, paper: string, actions: string[], settings: object, optional: string[], metrics: string[], rollouts: object }[]} algorithms
 *   as `millrace list algorithms --json` has them
 * @param {Record<string, string>} sources their files by name
 * @throws Error for a setting or a metric without a meaning
 */
export function pageOf(algorithms, sources) {
  const list = algorithms.map(({ name, about, paper }) => `- [\`${name}\`](#${name}): ${about} (${paper})`)
  return `${[HEAD, list.join('\n'), ...algorithms.map((each) => section(each, sources[each.name]))].join('\n\n')}\n`
}

const HEAD = `# Algorithms

Made by \`npm run pages\` from the algorithms themselves: settings and defaults from their schemas, metrics from their programs, sources from their files.
[write-your-own.md](write-your-own.md) builds one, [learning.md](../learning.md) has how they learn, \`npm run lines\` counts them.`

function section({ name, about, paper, actions, settings, optional, metrics, rollouts }, source) {
  const [defaults, described] = [comment(source, /\/\*\* (Defaults: [^]*?) ?\*\//), comment(source, OWN)]
  const rows = [
    ...Object.entries(settings).map(([key, value]) => [key, shown(value)]),
    ...optional.map((key) => [key, '']),
  ]
  return [
    `## ${name}`,
    `${capital(about)} (${paper}).`,
    described,
    defaults,
    `Actions: ${actions.join(', ')}. Rollouts, unless an experiment says otherwise: \`envsPerShard\` ${rollouts.envsPerShard}, \`fragmentLength\` ${rollouts.fragmentLength}. File:
[${name}.ts](../../learner/algorithms/${name}.ts).`,
    table(
      ['setting', 'default', 'meaning'],
      rows.map(([key, value]) => [`\`${key}\``, value, known(SETTINGS, key, name)]),
    ),
    table(
      ['metric', 'meaning'],
      metrics.map((key) => [`\`${key}\``, known(METRICS, key, name)]),
    ),
  ]
    .filter(Boolean)
    .join('\n\n')
}

/** The comment right above the algorithm. */
const OWN = /\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport const \w+ = algorithm\(/

const comment = (source, pattern) =>
  (pattern.exec(source)?.[1] ?? '')
    .replace(/\n? *\* /g, ' ')
    .replace(/\s+/g, ' ')
    .trim()

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)
const shown = (value) => (typeof value === 'string' ? `\`${value}\`` : JSON.stringify(value))

function known(meanings, key, name) {
  if (key in meanings) return meanings[key]
  throw new Error(`scripts/pages/meanings.mjs does not say what ${key} of ${name} means`)
}

/** As oxfmt has it. */
function table(heads, rows) {
  const widths = heads.map((head, i) => Math.max(3, head.length, ...rows.map((row) => row[i].length)))
  const padded = (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  return [padded(heads), padded(widths.map((width) => '-'.repeat(width))), ...rows.map(padded)].join('\n')
}
