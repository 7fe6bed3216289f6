// Envs that hold something open, through the built command: each is closed once, in functions, in the command, with --serial. Needs dist/.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from './folders.ts'
import { runCommand } from './processes.ts'

const folder = freshFolder()

/** Leaves a file for every env that is made, and one for every call of close. */
const experimentFile = (marks: string) => `import { writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { experiment, impala } from 'millrace'
const mark = (text) => writeFileSync(${JSON.stringify(marks)} + '/' + text, '')
class Open {
  static id = 'Open-v0'
  static maxEpisodeSteps = 10
  observationSpace = { kind: 'box', shape: [2], low: -1, high: 1 }
  actionSpace = { kind: 'discrete', n: 2 }
  name = randomUUID()
  calls = 0
  constructor() { mark('made-' + this.name) }
  reset(observation) { observation.fill(0) }
  step() { return { reward: 1, terminated: false, truncated: false } }
  close() { mark('closed-' + this.name + '-' + ++this.calls) }
}
export default experiment({
  env: Open, algorithm: impala(), rollouts: { envsPerShard: 3 }, stop: { envSteps: 2_000 },
})`

function marksIn(marks: string): { readonly made: string[]; readonly closed: string[] } {
  const names = (kind: string) =>
    readdirSync(marks)
      .filter((name) => name.startsWith(kind))
      .map((name) => name.slice(kind.length))
      .toSorted()
  return { made: names('made-').map((name) => `${name}-1`), closed: names('closed-') }
}

test.each([[[]], [['--serial']]])('train %j and evaluate close every env that they made, once', async (flags) => {
  const marks = join(folder(), 'marks')
  mkdirSync(marks)
  writeFileSync(join(folder(), 'open.js'), experimentFile(marks))
  const trained = await runCommand(['train', 'open.js', '--quiet', '--out', 'run', ...flags], { cwd: folder() })
  expect(trained).toMatchObject({ code: 0, err: '' })
  const after = marksIn(marks)
  expect(after.made.length).toBeGreaterThanOrEqual(7) // the command's own look at the spaces, and two shards
  expect(after.closed).toEqual(after.made)
  const evaluated = await runCommand(['evaluate', 'run', '--episodes', '5'], { cwd: folder() })
  expect(evaluated).toMatchObject({ code: 0, err: '' })
  const all = marksIn(marks)
  expect(all.made).toHaveLength(after.made.length + 5)
  expect(all.closed).toEqual(all.made)
})
