import { Plan } from '../learner/flow/index.ts'
import { type Row, lowerIsBetter } from './result.ts'

const OPERATORS = 10
const ITEMS = 200_000
const ROUNDS = 5

/** The dataflow core's own cost: items through ten operators that do nothing, beside ten plain async generators. */
export async function flowRow(): Promise<Row> {
  const flows: number[] = []
  const generators: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    flows.push(await nsPerItem(throughOperators()))
    generators.push(await nsPerItem(throughGenerators()))
  }
  return lowerIsBetter({
    name: 'flow core, one item through ten operators',
    value: median(flows),
    unit: 'ns an item',
    baseline: { name: 'ten nested async generators', value: median(generators) },
    limit: 'one promise an item at the consumer, two clock reads an operator',
  })
}

const increment = (x: number): number => x + 1

function throughOperators(): AsyncIterable<number> {
  let flow = new Plan('bench').source('numbers', numbers())
  for (let i = 0; i < OPERATORS; i++) flow = flow.forEach(increment)
  return flow
}

function throughGenerators(): AsyncIterable<number> {
  let stream: AsyncIterable<number> = toAsync(numbers())
  for (let i = 0; i < OPERATORS; i++) stream = mapped(stream)
  return stream
}

function* numbers(): Generator<number> {
  for (let i = 0; i < ITEMS; i++) yield i
}

async function* toAsync(items: Iterable<number>): AsyncGenerator<number> {
  for (const item of items) yield item
}

async function* mapped(source: AsyncIterable<number>): AsyncGenerator<number> {
  for await (const item of source) yield increment(item)
}

async function nsPerItem(stream: AsyncIterable<number>): Promise<number> {
  const from = performance.now()
  let sum = 0
  for await (const item of stream) sum += item
  if (sum !== (ITEMS * (ITEMS - 1)) / 2 + ITEMS * OPERATORS) throw new Error('items were lost')
  return ((performance.now() - from) * 1e6) / ITEMS
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
