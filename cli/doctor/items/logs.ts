import { type Item, failed, passed } from '../item.ts'
import { within } from '../context.ts'

export const logItem: Item = {
  name: 'logs',
  pass: 'what functions and learner wrote while the doctor was at work can be read',
  advice: 'deploy the stage again: its roles may not write to the log groups',
  needs: ['rollout function: first call'],
  async look(context) {
    const { rollout, learner } = context.stage.description.logGroups
    const ran = context.runs.some(({ taken }) => taken) && context.stage.description.learner.kind !== 'anywhere'
    const groups = [rollout, ...(ran && learner !== undefined ? [learner] : [])]
    const counts = await Promise.all(
      groups.map((group) =>
        within(context.limits.logs, context, async () => {
          const lines = await context.logLines(group)
          return lines.length > 0 ? lines.length : undefined
        }),
      ),
    )
    const silent = groups.filter((_, i) => counts[i] === undefined)
    if (silent.length > 0) return failed(`nothing in ${silent.join(', ')} after ${context.limits.logs / 1000} s`)
    return passed(groups.map((group, i) => `${counts[i]} lines in ${group}`).join(', '))
  },
}
