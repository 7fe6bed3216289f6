import type { Argument, Command, Help, Option } from 'commander'
import { wrap } from './display/wrap.ts'
import { displayWidth, pad } from './display/text.ts'
import { EXIT_TABLE } from './exitCodes.ts'
import type { Terminal } from './terminal.ts'

type Example = readonly [command: string, meaning: string]

interface Section {
  readonly title: string
  /** Commands of the section in the order they are shown, each with what people type first. */
  readonly commands: Readonly<Record<string, readonly Example[]>>
}

/** Every command has its place here; a test sees to it. */
export const SECTIONS: readonly Section[] = [
  {
    title: 'On this machine:',
    commands: {
      train: [
        ['millrace train cartpole', 'an example, until its goal'],
        ['millrace train --env Pendulum-v1 --algorithm ppo', 'without a file: an env and an algorithm'],
        ['millrace train my.ts --seed 3 --set rollouts.shards=4', 'your own experiment, with two settings changed'],
      ],
      evaluate: [
        ['millrace evaluate runs/cartpole-20261121-090000-1', 'mean return over 100 fresh episodes'],
        ['millrace evaluate runs/my-run --episodes 10 --stochastic', 'ten episodes, with sampled actions'],
      ],
      graph: [
        ['millrace graph cartpole', 'the dataflow plan as text'],
        ['millrace graph my.ts --format mermaid', 'as a drawing'],
      ],
      list: [
        ['millrace list envs', 'what there is to train on, and what takes it'],
        ['millrace list algorithms --json', 'what learns, with every setting and its default'],
      ],
      cloud: [
        ['millrace cloud', 'the emulated cloud alone, for any AWS client'],
        ['millrace cloud --stage demo', 'with a stage in it, as if it were deployed'],
      ],
    },
  },
  {
    title: 'On AWS, on a stage:',
    commands: {
      deploy: [['millrace deploy --stage demo', 'make the stage, or bring it up to date']],
      run: [
        ['millrace run my.ts --stage demo', 'train there, and follow the run'],
        ['millrace run my.ts --stage demo --detach', 'start it and come back later'],
      ],
      status: [
        ['millrace status --stage demo', 'all runs of the stage'],
        ['millrace status --stage demo my-run --follow', 'one run, until it is over'],
      ],
      logs: [['millrace logs --stage demo --of learner --since 1h', 'what the learner wrote in the last hour']],
      stop: [
        ['millrace stop --stage demo', 'end every run of the stage'],
        ['millrace stop --stage demo my-run --now', 'one run, at once'],
      ],
      doctor: [['millrace doctor --stage demo', 'check the stage once, item by item']],
      learner: [['millrace learner --stage demo', 'on the machine that is to learn']],
      remove: [['millrace remove --stage demo', 'the stage and all that is in its bucket']],
    },
  },
  {
    title: 'More:',
    commands: {
      init: [['millrace init my-project', 'a small project of your own']],
      completion: [['source <(millrace completion bash)', 'in ~/.bashrc: Tab completes commands, options and files']],
      help: [['millrace help train', 'what train takes']],
    },
  },
]

const FIRST_STEPS: readonly Example[] = [
  ['millrace train cartpole', 'train an example on the emulated cloud'],
  ['millrace init my-project', 'begin an experiment of your own'],
  ['millrace help train', 'what a command takes'],
]

/** Puts commands into their sections, in order, and gives every help its examples. */
export function arrangeHelp(program: Command, out: Terminal): void {
  const order = SECTIONS.flatMap(({ title, commands }) =>
    Object.entries(commands).map((entry) => [title, ...entry] as const),
  )
  const place = (command: Command) => order.findIndex(([, name]) => name === command.name())
  ;(program.commands as Command[]).sort((a, b) => place(a) - place(b))
  for (const command of program.commands) {
    const [title = 'More:', , examples = []] = order[place(command)] ?? []
    command.helpGroup(title).addHelpText('after', () => section('Examples:', examples, out))
  }
  program.addHelpText('after', () =>
    [section('Examples:', FIRST_STEPS, out), section('Exit status:', EXIT_TABLE, out)].join('\n'),
  )
}

/** Columns of a help text: those of the terminal, but no line so long that it is hard to read; 80 where nobody says. */
export function helpWidth({ isTTY, columns }: Pick<Terminal, 'isTTY' | 'columns'>): number {
  return isTTY ? Math.min(columns, 100) : 80
}

/** Commander's help, with lines that fit, and no defaults that say nothing. */
export const HELP_STYLE: Partial<Help> = {
  displayWidth,
  subcommandTerm: (command) =>
    [command.name(), ...command.registeredArguments.filter(({ variadic }) => !variadic).map(argument)].join(' '),
  optionDescription({ description, defaultValue, defaultValueDescription }: Option) {
    const worth = defaultValue !== undefined && defaultValue !== false && !Array.isArray(defaultValue)
    return worth ? `${description} (default: ${defaultValueDescription ?? String(defaultValue)})` : description
  },
  commandUsage(command) {
    const options = command.options.length > 0 ? ['[options]'] : []
    const takes = command.parent ? command.registeredArguments.map(argument) : ['<command>']
    const names = command.parent ? [command.parent.name(), command.name()] : [command.name()]
    return wrap([...names, ...takes, ...options].join(' '), (this.helpWidth ?? 80) - 7, 2).join('\n         ')
  },
  boxWrap: (text, width) =>
    text
      .split('\n')
      .flatMap((line) => wrap(line, width))
      .join('\n'),
  formatItem(term, termWidth, description, helper) {
    return itemLines(term, description, { termWidth, width: helper.helpWidth ?? 80 }).join('\n')
  },
}

function argument(taken: Argument): string {
  const inside = `${taken.name()}${taken.variadic ? '...' : ''}`
  return taken.required ? `<${inside}>` : `[${inside}]`
}

function section(title: string, items: readonly (readonly [term: string, description: string])[], out: Terminal) {
  const width = helpWidth(out)
  const termWidth = Math.max(...items.map(([term]) => displayWidth(term)))
  return [
    '',
    title,
    ...items.flatMap(([term, description]) => itemLines(term, description, { termWidth, width })),
  ].join('\n')
}

/** Two columns; where the second would be narrow, it goes below the first. */
function itemLines(
  term: string,
  description: string,
  { termWidth, width }: { termWidth: number; width: number },
): string[] {
  if (description === '') return [`  ${term}`]
  const room = width - termWidth - 4
  const below = displayWidth(description) > room && room < 36
  if (below) return [...wrap(`  ${term}`, width, 4), ...wrap(`      ${description}`, width, 6)]
  const [first = '', ...more] = wrap(description, room)
  return [`  ${pad(term, termWidth)}  ${first}`, ...more.map((line) => ' '.repeat(termWidth + 4) + line)]
}
