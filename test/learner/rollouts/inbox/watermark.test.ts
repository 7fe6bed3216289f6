import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Watermark } from '../../../../learner/rollouts/inbox/watermark.ts'

test('it has exactly what was added, in whatever order; next is the first gap and end lies after the last', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40)), (sequences) => {
      const mark = new Watermark()
      const model = new Set<number>()
      for (const sequence of sequences) {
        mark.add(sequence)
        model.add(sequence)
        for (let n = 0; n < 42; n++) expect(mark.has(n)).toBe(model.has(n))
        let gap = 0
        while (model.has(gap)) gap++
        expect(mark.next).toBe(gap)
        expect(mark.end).toBe(Math.max(...model) + 1)
      }
    }),
  )
})
