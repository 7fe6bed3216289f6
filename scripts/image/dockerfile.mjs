// Reads the part of the Dockerfile language that infra/learner.Dockerfile uses. What it does not know it refuses: a step that the check
// passes over would be a step that nobody has tried.

const KNOWN = ['FROM', 'ARG', 'ENV', 'WORKDIR', 'COPY', 'RUN', 'USER', 'STOPSIGNAL', 'ENTRYPOINT', 'CMD']

/**
 * The steps of a Dockerfile in order, with its variables put in, and what a container of it runs.
 *
 * @param {string} text
 * @param {Record<string, string>} args what `docker build --build-arg` would give
 * @returns {{ base: string, steps: Step[], user: string, folder: string, env: Record<string, string>, command: { entrypoint: string[], cmd: string[] } }}
 * @typedef {{ kind: 'RUN', command: string, user: string, folder: string, env: Record<string, string> }
 *   | { kind: 'COPY', from: string[], to: string, user: string }
 *   | { kind: 'WORKDIR', folder: string }} Step
 */
export function readDockerfile(text, args = {}) {
  const known = {}
  const env = {}
  const steps = []
  const command = { entrypoint: [], cmd: [] }
  let base
  let user = 'root'
  let folder = '/'
  for (const line of instructions(text)) {
    const [name, rest] = split(line)
    if (!KNOWN.includes(name)) throw new Error(`the check knows no ${name}: ${line}`)
    const value = name === 'RUN' ? rest : substitute(rest, { ...known, ...env }, line)
    if (name === 'FROM') {
      if (base !== undefined) throw new Error(`the check knows only one FROM: ${line}`)
      base = value
      // An ARG before FROM is for FROM alone.
      for (const key of Object.keys(known)) delete known[key]
    } else if (name === 'ARG') {
      const [key, preset] = value.split('=', 2)
      const given = args[key] ?? preset
      if (given === undefined) throw new Error(`${key} has no preset and was not given: ${line}`)
      known[key] = given
    } else if (name === 'ENV') Object.assign(env, pairs(value, line))
    else if (name === 'WORKDIR') {
      folder = value
      steps.push({ kind: 'WORKDIR', folder })
    } else if (name === 'COPY') {
      const words = value.split(/\s+/)
      if (words[0].startsWith('-')) throw new Error(`the check knows no flags of COPY: ${line}`)
      const to = words.pop()
      steps.push({
        kind: 'COPY',
        from: words,
        to: to.startsWith('/') ? to : `${folder}/${to.replace(/^\.\//, '')}`,
        user,
      })
    } else if (name === 'RUN') steps.push({ kind: 'RUN', command: value, user, folder, env: { ...known, ...env } })
    else if (name === 'USER') user = value
    else if (name === 'ENTRYPOINT') command.entrypoint = execForm(value, line)
    else if (name === 'CMD') command.cmd = execForm(value, line)
  }
  if (base === undefined) throw new Error('there is no FROM')
  return { base, steps, user, folder, env, command }
}

/**
 * Is a path of the context kept from the build by its ignore file? The last pattern that matches it or a folder above it decides.
 *
 * @param {string} text of `.dockerignore`
 * @param {string} path relative to the context
 */
export function isIgnored(text, path) {
  let ignored = false
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const again = line.startsWith('!')
    const pattern = (again ? line.slice(1) : line).replace(/\/$/, '')
    const source = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')
    if (new RegExp(`^${source}(/|$)`).test(path)) ignored = !again
  }
  return ignored
}

/** Lines with their continuations joined, and without comments. */
function instructions(text) {
  return text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replace(/\s*\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function split(line) {
  const [, name, rest] = /^(\S+)\s+(.*)$/.exec(line) ?? [undefined, line, '']
  return [name.toUpperCase(), rest]
}

function substitute(text, variables, line) {
  return text.replace(/\$\{(\w+)\}|\$(\w+)/g, (_, braced, bare) => {
    const value = variables[braced ?? bare]
    if (value === undefined) throw new Error(`${braced ?? bare} is not set here: ${line}`)
    return value
  })
}

function pairs(text, line) {
  const found = text.split(/\s+/).map((pair) => pair.split('=', 2))
  if (found.some(([, value]) => value === undefined || value.includes('"'))) throw new Error(`not KEY=value: ${line}`)
  return Object.fromEntries(found)
}

/** A shell between the container's first process and its program would keep SIGTERM to itself. */
function execForm(text, line) {
  if (!text.startsWith('[')) throw new Error(`not in the exec form, so that a shell would take the signals: ${line}`)
  return JSON.parse(text)
}
