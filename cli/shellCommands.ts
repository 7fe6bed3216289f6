import { Argument, type Command } from 'commander'
import { SHELLS, completionScript } from './completion/scripts.ts'
import type { Host } from './host.ts'
import { unknownCommand } from './usage.ts'

interface ShellProgram {
  readonly host: Host
  readonly program: Command
  readonly command: (name: string, description: string) => Command
}

/** What a person at a shell needs beside the work itself: help and completion. */
export function addShellCommands({ host, program, command }: ShellProgram): void {
  command('completion', 'print the script with which a shell completes commands, options and files')
    .addArgument(new Argument('<shell>', SHELLS.join(', ')).choices(SHELLS))
    .addArgument(new Argument('[words...]', 'after --: print the completions of the last word'))
    .action(async (shell: (typeof SHELLS)[number], words: readonly string[]) => {
      if (words.length === 0) {
        host.out.write(completionScript(shell))
        return
      }
      const { answerLines, candidates } = await import('./completion/candidates.ts') // it knows envs and algorithms
      host.out.write(answerLines(candidates(program, words, { shell, cwd: host.cwd })))
    })

  command('help', 'show what a command takes')
    .argument('[command]', 'command to show; without it, all commands')
    .action((name: string | undefined) => {
      const found = program.commands.find((c) => c.name() === name)
      if (name !== undefined && found === undefined) throw unknownCommand(name, { program, cwd: host.cwd })
      const shown = found ?? program
      shown.outputHelp()
    })
}
