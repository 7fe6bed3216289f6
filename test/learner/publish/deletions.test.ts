import { expect, test } from 'vitest'
import { Deletions } from '../../../learner/publish/deletions.ts'
import { virtualClock } from '../../fakes/virtualClock.ts'

test('what is added while the end waits for a deletion is deleted too', async () => {
  const deleted: string[] = []
  const events: string[] = []
  const deletions = new Deletions<string>({
    clock: virtualClock(),
    what: 'messages',
    delete: async (items) => {
      if (deleted.length === 0) deletions.add('late')
      deleted.push(...items)
    },
    onEvent: (text) => events.push(text),
  })
  deletions.add('first')
  await deletions.close()
  expect(deleted).toEqual(['first', 'late'])
  expect(events).toEqual([])
})
