// Typed-array reads use `!`: every index is within the list.

/** Numbers that a list takes in a row. */
export const listSize = (width: number, capacity: number): number => 1 + width * capacity

interface Size {
  /** Numbers of an item; the first two are its place: x, y. */
  readonly width: number
  readonly capacity: number
}

/** Items of some numbers each, in order, within a row of numbers: how many there are, then the items one after the other. */
export class ItemList {
  private readonly rows: Int32Array
  private readonly offset: number
  private readonly width: number
  private readonly capacity: number

  /** @param offset of the list in a row */
  constructor(rows: Int32Array, offset: number, { width, capacity }: Size) {
    this.rows = rows
    this.offset = offset
    this.width = width
    this.capacity = capacity
  }

  /** @param at where the row begins, here and below */
  length(at: number): number {
    return this.rows[at + this.offset]!
  }

  /** Offset of an item in `rows`. */
  item(at: number, index: number): number {
    return at + this.offset + 1 + index * this.width
  }

  /** Makes room for one more item at the end, and returns its offset; where the list is full, that of the last item. */
  append(at: number): number {
    const count = Math.min(this.length(at) + 1, this.capacity)
    this.rows[at + this.offset] = count
    return this.item(at, count - 1)
  }

  /** Takes an item away; the others stay in order. */
  remove(at: number, index: number): void {
    const count = this.length(at)
    this.rows.copyWithin(this.item(at, index), this.item(at, index + 1), this.item(at, count))
    this.rows[at + this.offset] = count - 1
  }

  /** The first item in this place; -1 where there is none. */
  find(at: number, x: number, y: number): number {
    const count = this.length(at)
    for (let i = 0; i < count; i++) {
      const item = this.item(at, i)
      if (this.rows[item] === x && this.rows[item + 1] === y) return i
    }
    return -1
  }
}
