import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SHELLS, completionScript } from '../../../cli/completion/scripts.ts'

// The scripts in the shells themselves, before a `millrace` that says what it is told to and keeps what it was asked.

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-shells-'))
  mkdirSync(join(folder, 'bin'))
  const millrace = join(folder, 'bin/millrace')
  writeFileSync(
    millrace,
    `#!/bin/sh\nfor word; do printf '%s\\n' "$word"; done > "${folder}/asked"\ncat "${folder}/answer"\n`,
  )
  chmodSync(millrace, 0o755)
  for (const shell of SHELLS) writeFileSync(join(folder, shell), completionScript(shell))
})
afterAll(() => rmSync(folder, { recursive: true }))

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0
const env = () => ({ PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, HOME: folder, TERM: 'dumb' })
const asked = () => readFileSync(join(folder, 'asked'), 'utf8').split('\n').slice(0, -1)
const answer = (text: string) => writeFileSync(join(folder, 'answer'), text)

function run(shell: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(shell, args, {
    env: env(),
    cwd: folder,
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

test.each(SHELLS.filter(has))('%s reads its script', (shell) => {
  run(shell, ['-n', join(folder, shell)])
})

describe.runIf(has('bash'))('bash', () => {
  const complete = (...words: string[]) =>
    run('bash', [
      '--norc',
      '-c',
      `source '${folder}/bash'; complete -p millrace; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _millrace; printf '%s|' "\${COMPREPLY[@]}"`,
      'bash',
      ...words,
    ]).split('\n')

  test('asks with the words up to the cursor, and offers what it hears', () => {
    answer('words\n--seed\tseed of everything\n--set\tchange a setting\n')
    const [registered, offered] = complete('millrace', 'train', 'my file.ts', '--se')
    expect(registered).toMatch(/^complete .*-F _millrace millrace$/)
    expect(offered).toBe('--seed|--set|')
    expect(asked()).toEqual(['completion', 'bash', '--', 'train', 'my file.ts', '--se'])
  })

  test('offers a name with spaces as one word, and nothing where there is nothing', () => {
    answer('paths\nmy file.ts\nparts/\n')
    expect(complete('millrace', 'train', '')[1]).toBe('my file.ts|parts/|')
    answer('words\n')
    expect(complete('millrace', 'train', '--seed', '')[1]).toBe('|')
  })
})

describe.runIf(has('fish'))('fish', () => {
  test('asks with the words up to the cursor, and offers what it hears', () => {
    answer('words\ntrain\ttrain an experiment\ngraph\tprint the plan\n')
    const offered = run('fish', ['--no-config', '-c', `source '${folder}/fish'; complete -C 'millrace tr'`])
    expect(offered).toBe('train\ttrain an experiment\n')
    expect(asked()).toEqual(['completion', 'fish', '--', 'tr'])
  })
})

describe.runIf(has('zsh'))('zsh', () => {
  // A terminal of its own, as a person has: completion works in the line editor only.
  /** Types at a prompt, and waits for what the line becomes. */
  const type = (keys: string, becomes: string) =>
    run('zsh', [
      '-f',
      '-c',
      `zmodload zsh/zpty; zpty z zsh -f -i
       zpty -w z "PS1='rea''dy'; autoload -Uz compinit; compinit -u -D; source '${folder}/zsh'"
       zpty -r -m z seen '*ready*'
       zpty -w -n z $'${keys}'; zpty -r -m z seen '*${becomes}*'`,
    ])

  test('completes the line with what it hears, quoted', () => {
    answer('words\ntrain\ttrain an experiment\n')
    type('millrace tr\\t', 'train')
    expect(asked()).toEqual(['completion', 'zsh', '--', 'tr'])
    answer('paths\nmy file.ts\n')
    type('millrace train m\\t', 'file.ts')
    expect(asked()).toEqual(['completion', 'zsh', '--', 'train', 'm'])
  })
})
