#!/usr/bin/env node
// Imports little, so that a first line is out before anything heavy is loaded.
import { print } from './display/wrap.ts'
import { processHost } from './host.ts'
import { packageManifest } from '../library/load/libraryEntries.ts'

const args = process.argv.slice(2)
const host = processHost((error) => void die(error))
const { version } = packageManifest()

const [command, file] = args
const loads =
  (command === 'train' || command === 'run') && file !== undefined && !file.startsWith('-') && file !== 'help'
if (loads && !['--quiet', '--help', '-h'].some((option) => args.includes(option))) {
  print(host.out, `millrace ${version}: loading ${file}`)
}

const [{ runProgram }, { commands }] = await Promise.all([import('./program.ts'), import('./commands.ts')])
await end(await runProgram(args, host, { commands, version }))

async function die(error: unknown): Promise<void> {
  const [{ report, wantsDebug }, { fit }, { uncaught }] = await Promise.all([
    import('./report.ts'),
    import('./display/wrap.ts'),
    import('./uncaught.ts'),
  ])
  const { text, exitCode } = report(uncaught(error), { debug: wantsDebug(args, host.env), colors: host.err.colors })
  if (host.out.isTTY) host.out.write('\x1b[?25h') // the cursor, which the live display hides
  host.err.write(fit(text, host.err))
  await end(exitCode)
}

/** Ends the process once what was written is out: a handle that a library left open must not keep it alive. */
async function end(exitCode: number): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise<void>((done) => stream.write('', () => done()))),
  )
  host.exit(exitCode)
}
