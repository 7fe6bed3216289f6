import { expect, test } from 'vitest'
import { RolloutSource } from '../../../learner/rollouts/source.ts'
import { fragmentOf } from './inboxes.ts'

function sourceOf(shards: number) {
  const calls: string[] = []
  const source = new RolloutSource(shards, {
    start: () => void calls.push('start'),
    stop: async () => void calls.push('stop'),
  })
  const open = () => source.open({ mode: 'async', inFlight: 2, stages: [], signal: new AbortController().signal })
  return { source, calls, open }
}

test('sampling starts when the source is opened and stops when it is closed', async () => {
  const { source, calls, open } = sourceOf(3)
  expect(source.shards).toEqual(['0', '1', '2'])
  expect(calls).toEqual([])
  await open().close()
  expect(calls).toEqual(['start', 'stop'])
})

test('a request is answered by its shard’s oldest fragment, whether that came before or after it, and each only once', async () => {
  const { source, open } = sourceOf(2)
  const opened = open()
  const request = (shard: string) => opened.request(shard)
  source.push(fragmentOf(1, 0))
  source.push(fragmentOf(1, 1))
  const asked = [request('0'), request('0'), request('1'), request('1'), request('1')]
  source.push(fragmentOf(0, 0))
  source.push(fragmentOf(1, 2))
  source.push(fragmentOf(0, 1))
  const answers = (await Promise.all(asked)).map((event) =>
    event.kind === 'item' ? `${event.item.provenance.shard}/${event.item.provenance.sequence}` : event.kind,
  )
  expect(answers).toEqual(['0/0', '0/1', '1/0', '1/1', '1/2'])
})

test('a failure of sampling rejects every request, those that wait and those to come, with the first error', async () => {
  const { source, open } = sourceOf(1)
  const opened = open()
  const waiting = opened.request('0')
  const error = new Error('no queue')
  source.fail(error)
  source.fail(new Error('later'))
  await expect(waiting).rejects.toBe(error)
  await expect(opened.request('0')).rejects.toBe(error)
  await opened.close()
})

test('closing answers what still waits, so that nobody hangs', async () => {
  const { open } = sourceOf(2)
  const opened = open()
  const waiting = [opened.request('0'), opened.request('1')]
  await opened.close()
  expect(await Promise.all(waiting)).toEqual([{ kind: 'done' }, { kind: 'done' }])
  expect(await opened.request('0')).toEqual({ kind: 'done' })
})
