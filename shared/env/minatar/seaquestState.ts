// Typed-array reads use `!`: every field is within the row.
import { ItemList, listSize } from './itemList.ts'
import { FIRST_FIELD, MinAtarGames, type MinAtarOptions, SIDE } from './minAtarGames.ts'

/** The numbers of a row before its lists. Directions are 1 to the right, -1 to the left. */
export const SEAQUEST_FIELDS = {
  subX: FIRST_FIELD,
  subY: FIRST_FIELD + 1,
  facing: FIRST_FIELD + 2,
  oxygen: FIRST_FIELD + 3,
  diversAboard: FIRST_FIELD + 4,
  /** 1 from surfacing until the submarine dives again. */
  surfaced: FIRST_FIELD + 5,
  shotTimer: FIRST_FIELD + 6,
  /** Steps between two enemies; the timer counts down to the next. */
  enemyInterval: FIRST_FIELD + 7,
  enemyTimer: FIRST_FIELD + 8,
  diverTimer: FIRST_FIELD + 9,
  /** Steps between two moves of an enemy, less one. */
  moveInterval: FIRST_FIELD + 10,
  rampIndex: FIRST_FIELD + 11,
}
const FIELD = SEAQUEST_FIELDS

/** An item of a list: what moves only now and then has MOVE_TIMER, and an enemy submarine FIRE_TIMER. */
export const [X, Y, DIRECTION, MOVE_TIMER, FIRE_TIMER] = [0, 1, 2, 3, 4]
/** A shot is its place and its direction. */
export const SHOT_WIDTH = 3
/**
 * Room enough: enemies come every 20th step and live 60, or every step and live 36 at most; each submarine fires every 11th step, and a
 * shot lives 10 steps. Divers come every 30th step and live 60.
 */
const SIZES = {
  shots: { width: SHOT_WIDTH, capacity: 4 },
  enemyShots: { width: SHOT_WIDTH, capacity: 64 },
  fish: { width: 4, capacity: 48 },
  enemySubs: { width: 5, capacity: 48 },
  divers: { width: 4, capacity: 8 },
}
const LISTS = FIRST_FIELD + 12

export const MOST_OXYGEN = 200
export const GAUGE = 10
const FIRST_ENEMY_INTERVAL = 20
export const DIVER_INTERVAL = 30
const FIRST_MOVE_INTERVAL = 5
const BOTTOM = SIDE - 1

const CHANNELS = {
  subFront: 0,
  subBack: 1,
  shot: 2,
  trail: 3,
  enemyShot: 4,
  fish: 5,
  enemySub: 6,
  oxygen: 7,
  aboard: 8,
  diver: 9,
}

/** The state of Seaquest, and what is seen of it. */
export abstract class SeaquestState extends MinAtarGames {
  protected readonly shots: ItemList
  protected readonly enemyShots: ItemList
  protected readonly fish: ItemList
  protected readonly enemySubs: ItemList
  protected readonly divers: ItemList

  constructor(count: number, options: MinAtarOptions) {
    const size = Object.values(SIZES).reduce((sum, { width, capacity }) => sum + listSize(width, capacity), LISTS)
    super(count, { size, channels: 10 }, options)
    let offset = LISTS
    const list = (name: keyof typeof SIZES): ItemList => {
      const made = new ItemList(this.rows, offset, SIZES[name])
      offset += listSize(SIZES[name].width, SIZES[name].capacity)
      return made
    }
    this.shots = list('shots')
    this.enemyShots = list('enemyShots')
    this.fish = list('fish')
    this.enemySubs = list('enemySubs')
    this.divers = list('divers')
  }

  protected start(at: number): void {
    const { rows } = this
    rows[at + FIELD.subX] = 5
    rows[at + FIELD.facing] = -1
    rows[at + FIELD.oxygen] = MOST_OXYGEN
    rows[at + FIELD.surfaced] = 1
    rows[at + FIELD.enemyInterval] = rows[at + FIELD.enemyTimer] = FIRST_ENEMY_INTERVAL
    rows[at + FIELD.diverTimer] = DIVER_INTERVAL
    rows[at + FIELD.moveInterval] = FIRST_MOVE_INTERVAL
  }

  protected draw(at: number): void {
    const { rows } = this
    const x = rows[at + FIELD.subX]!
    const y = rows[at + FIELD.subY]!
    this.mark(x, y, CHANNELS.subFront)
    this.mark(x - rows[at + FIELD.facing]!, y, CHANNELS.subBack)
    const oxygen = Math.floor((Math.max(0, rows[at + FIELD.oxygen]!) * GAUGE) / MOST_OXYGEN)
    for (let i = 0; i < oxygen; i++) this.mark(i, BOTTOM, CHANNELS.oxygen)
    const aboard = rows[at + FIELD.diversAboard]!
    for (let i = 1; i <= aboard; i++) this.mark(BOTTOM - i, BOTTOM, CHANNELS.aboard)
    this.drawItems(at, this.shots, CHANNELS.shot)
    this.drawItems(at, this.enemyShots, CHANNELS.enemyShot)
    this.drawItems(at, this.fish, CHANNELS.fish)
    this.drawItems(at, this.enemySubs, CHANNELS.enemySub)
    this.drawItems(at, this.divers, CHANNELS.diver)
  }

  private drawItems(at: number, list: ItemList, channel: number): void {
    const { rows } = this
    const trails = list !== this.shots && list !== this.enemyShots
    const count = list.length(at)
    for (let i = 0; i < count; i++) {
      const item = list.item(at, i)
      const x = rows[item + X]!
      const y = rows[item + Y]!
      this.mark(x, y, channel)
      const behind = x - rows[item + DIRECTION]!
      if (trails && behind >= 0 && behind < SIDE) this.mark(behind, y, CHANNELS.trail)
    }
  }

  protected touchesSub(at: number, item: number): boolean {
    const { rows } = this
    return rows[item + X] === rows[at + FIELD.subX] && rows[item + Y] === rows[at + FIELD.subY]
  }
}
