import type { Message } from './message.ts'

/** Hidden messages (in flight or delayed), soonest visible first: a binary heap in which a message knows its place. */
export class MessageHeap {
  private readonly items: Message[] = []

  get size(): number {
    return this.items.length
  }

  peek(): Message | undefined {
    return this.items[0]
  }

  push(message: Message): void {
    message.at = this.items.length
    this.items.push(message)
    this.up(message)
  }

  /** Takes a message out, wherever it stands. */
  remove(message: Message): void {
    const last = this.items.pop()
    const hole = message.at
    message.at = -1
    if (last === undefined || last === message) return
    last.at = hole
    this.items[hole] = last
    this.up(last)
    this.down(last)
  }

  clear(): void {
    for (const message of this.items) message.at = -1
    this.items.length = 0
  }

  [Symbol.iterator](): Iterator<Message> {
    return this.items[Symbol.iterator]()
  }

  private up(message: Message): void {
    while (message.at > 0) {
      const parent = this.items[(message.at - 1) >> 1]
      if (parent === undefined || parent.visibleAt <= message.visibleAt) return
      this.swap(parent, message)
    }
  }

  private down(message: Message): void {
    for (;;) {
      const left = this.items[2 * message.at + 1]
      const right = this.items[2 * message.at + 2]
      const child = right !== undefined && left !== undefined && right.visibleAt < left.visibleAt ? right : left
      if (child === undefined || child.visibleAt >= message.visibleAt) return
      this.swap(message, child)
    }
  }

  /** `child` moves up to where `parent` is. */
  private swap(parent: Message, child: Message): void {
    const place = parent.at
    parent.at = child.at
    child.at = place
    this.items[parent.at] = parent
    this.items[place] = child
  }
}
