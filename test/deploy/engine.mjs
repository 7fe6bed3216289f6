// Stands in for Pulumi's engine under the real `sst` command: runs the real program on Pulumi's mocks and records every resource it
// registers, with the options that decide about its life. Nothing is made anywhere.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const [command, ...rest] = process.argv.slice(2)
const { MILLRACE_PLATFORM: platform, MILLRACE_RECORD: record } = process.env

const cwd = process.cwd() // the program changes it
const option = (name) => rest[rest.indexOf(name) + 1]
const stackFile = (stack) => {
  const [, app, stage] = stack.split('/')
  return join(cwd, '.pulumi/stacks', app, `${stage}.json`)
}
const saveStack = (stack, resources) => {
  const file = stackFile(stack)
  mkdirSync(dirname(file), { recursive: true })
  const manifest = { time: '2000-01-01T00:00:00Z', magic: '', version: '' }
  writeFileSync(file, JSON.stringify({ version: 3, checkpoint: { stack, latest: { manifest, resources } } }))
}
const tell = (events) => {
  const lines = [...events, { summaryEvent: { durationSeconds: 0, resourceChanges: {}, PolicyPacks: {} } }]
  writeFileSync(option('--event-log'), lines.map((event) => `${JSON.stringify(event)}\n`).join(''), { flag: 'a' })
}

const commands = {
  version: () => console.log('v3.215.0'),
  stack: () => saveStack(rest[1], []),
  preview: () => runProgram('preview'),
  up: () => runProgram('up'),
  destroy() {
    const stack = option('--stack')
    const { checkpoint } = JSON.parse(readFileSync(stackFile(stack), 'utf8'))
    writeFileSync(join(record, 'removed.json'), JSON.stringify(checkpoint.latest.resources))
    saveStack(stack, [])
    tell([])
  },
}

/** Pulumi's mark on a secret. */
const SECRET = '4dabf18193072939515e22adb298388d'

/** Inputs without the wrapping of secrets. */
function bare(value) {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  if (SECRET in value) return bare(value.value)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, bare(each)]))
}

async function runProgram(kind) {
  const stack = option('--stack')
  const [, app, stage] = stack.split('/')
  const require = createRequire(join(platform, 'package.json'))
  const pulumi = require('@pulumi/pulumi')
  const { MockMonitor } = require('@pulumi/pulumi/runtime/mocks')
  const { answer, outputsOf } = await import('./mocks.mjs')

  const resources = []
  const options = new Map()
  const take = MockMonitor.prototype.registerResource
  // What the mocks are not told: the options of a resource.
  MockMonitor.prototype.registerResource = function (request, callback) {
    const key = `${request.getType()}::${request.getName()}`
    options.set(key, {
      retain: request.getRetainondelete(),
      protect: request.getProtect(),
      ignoreChanges: request.getIgnorechangesList(),
      dependencies: request.getDependenciesList().map((urn) => urn.split('::').slice(2).join('::')),
    })
    return take.call(this, request, callback)
  }
  let stackOutputs = {}
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs, custom }) {
        const outputs = outputsOf(type, name, inputs)
        resources.push({
          type,
          name,
          custom: custom ?? false,
          inputs: bare(inputs),
          ...options.get(`${type}::${name}`),
        })
        return { id: custom ? `${name}-id` : undefined, state: outputs }
      },
      call: ({ token, inputs }) => answer(token, inputs),
    },
    app,
    stage,
    kind === 'preview',
    'organization',
  )
  const failed = (error) => {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    tell([{ diagnosticEvent: { message, severity: 'error', color: 'never' } }])
    process.exit(1)
  }
  process.on('uncaughtException', failed)
  process.on('unhandledRejection', failed)
  const [, main] = /^main: (.*)$/m.exec(readFileSync('Pulumi.yaml', 'utf8')) ?? []
  // Not when the program's own promise is done: resources whose outputs nobody waits for (every function) come after it.
  process.once('beforeExit', () => {
    writeFileSync(join(record, 'graph.json'), JSON.stringify({ kind, resources, outputs: stackOutputs }, null, 1))
    if (kind === 'up') {
      const urn = (type, name) => `urn:pulumi:${stage}::${app}::${type}::${name}`
      const root = { urn: urn('pulumi:pulumi:Stack', `${app}-${stage}`), custom: false, type: 'pulumi:pulumi:Stack' }
      const made = resources.map(({ type, name, custom, retain }) => {
        const id = custom ? { id: `${name}-id` } : {}
        return { urn: urn(type, name), custom, type, ...id, ...(retain ? { retainOnDelete: true } : {}) }
      })
      saveStack(stack, [{ ...root, outputs: stackOutputs }, ...made])
    }
    tell([])
  })
  const resolved = await pulumi.runtime.runInPulumiStack(async () => (await import(main)).default)
  stackOutputs = await settle(pulumi, resolved)
}

/** The value of outputs, as deep as they go. */
async function settle(pulumi, value) {
  return await new Promise((resolve) => pulumi.output(value).apply(resolve))
}

await commands[command]()
