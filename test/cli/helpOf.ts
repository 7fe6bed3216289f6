import { type Commands, runProgram } from '../../cli/program.ts'
import { FakeHost } from './fakeHost.ts'

const unreachable = async (): Promise<never> => {
  throw new Error('help runs no command')
}

/** Commands that must not be called. */
export const noCommands: Commands = {
  train: unreachable,
  evaluate: unreachable,
  graph: unreachable,
  list: unreachable,
  cloud: unreachable,
  init: unreachable,
  deploy: unreachable,
  run: unreachable,
  status: unreachable,
  logs: unreachable,
  stop: unreachable,
  remove: unreachable,
  doctor: unreachable,
  learner: unreachable,
}

/** The help of a command ('' for all of them) on a terminal of so many columns; 80 and no terminal without. */
export async function helpOf(name: string, columns?: number): Promise<string> {
  const host = new FakeHost('/', { isTTY: columns !== undefined })
  if (columns !== undefined) host.out.columns = columns
  await runProgram(name === '' ? ['--help'] : ['help', name], host, { commands: noCommands, version: '1.2.3' })
  return host.out.text
}
