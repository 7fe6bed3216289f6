// Typed-array reads use `!`: every field is within the row.
import type { Random } from '../../random.ts'
import { FIRST_FIELD, LEFT, MinAtarGames, type MinAtarOptions, RIGHT, SIDE } from './minAtarGames.ts'

/** Fields of a row. `BRICKS` is three numbers, one a line of bricks: bit x is the brick in column x. */
const PADDLE = FIRST_FIELD
const BALL_X = FIRST_FIELD + 1
const BALL_Y = FIRST_FIELD + 2
const LAST_X = FIRST_FIELD + 3
const LAST_Y = FIRST_FIELD + 4
/** 1 to the right, -1 to the left; 1 down, -1 up. */
const DX = FIRST_FIELD + 5
const DY = FIRST_FIELD + 6
/** 1 while the ball goes on through bricks after it has broken one. */
const STRIKE = FIRST_FIELD + 7
const BRICKS = FIRST_FIELD + 8

const BRICK_LINES = 3
/** The uppermost line of bricks is in row 1. */
const TOP = 1
const FULL_LINE = 2 ** SIDE - 1
const BOTTOM = SIDE - 1

const CHANNELS = { paddle: 0, ball: 1, trail: 2, brick: 3 }

/**
 * Bounce a ball off a paddle to break bricks. The ball moves one cell along a diagonal in each step and is reflected by walls, bricks and
 * paddle; a brick gives 1. When all are broken, a new field comes with the ball's next arrival at the bottom. The episode ends when the
 * ball reaches the bottom beside the paddle.
 */
export class Breakout extends MinAtarGames {
  constructor(count: number, options: MinAtarOptions) {
    super(count, { size: BRICKS + BRICK_LINES, channels: 4 }, options)
  }

  protected start(at: number, random: Random): void {
    const { rows } = this
    const fromRight = random.integer(2) === 1
    rows[at + PADDLE] = 4
    rows[at + BALL_X] = rows[at + LAST_X] = fromRight ? SIDE - 1 : 0
    rows[at + BALL_Y] = rows[at + LAST_Y] = 3
    rows[at + DX] = fromRight ? -1 : 1
    rows[at + DY] = 1
    this.fillBricks(at)
  }

  protected play(at: number, action: number): number {
    const { rows } = this
    if (action === LEFT) rows[at + PADDLE] = Math.max(0, rows[at + PADDLE]! - 1)
    else if (action === RIGHT) rows[at + PADDLE] = Math.min(SIDE - 1, rows[at + PADDLE]! + 1)
    const lastX = (rows[at + LAST_X] = rows[at + BALL_X]!)
    const lastY = (rows[at + LAST_Y] = rows[at + BALL_Y]!)
    let x = lastX + rows[at + DX]!
    let y = lastY + rows[at + DY]!
    let reward = 0
    if (x < 0 || x >= SIDE) {
      x = lastX
      rows[at + DX] = -rows[at + DX]!
    }
    let onBrick = false
    if (y < 0) {
      y = 0
      rows[at + DY] = -rows[at + DY]!
    } else if (this.isBrick(at, x, y)) {
      onBrick = true
      if (rows[at + STRIKE] === 0) {
        reward = 1
        rows[at + STRIKE] = 1
        rows[at + BRICKS + y - TOP]! &= ~(1 << x)
        y = lastY
        rows[at + DY] = -rows[at + DY]!
      }
    } else if (y === BOTTOM) {
      if ((rows[at + BRICKS]! | rows[at + BRICKS + 1]! | rows[at + BRICKS + 2]!) === 0) this.fillBricks(at)
      const paddle = rows[at + PADDLE]!
      if (lastX === paddle || x === paddle) {
        // Straight above the paddle the ball goes on to its side; onto the paddle's edge it comes back the way it came.
        if (lastX !== paddle) rows[at + DX] = -rows[at + DX]!
        rows[at + DY] = -rows[at + DY]!
        y = lastY
      } else {
        this.terminated = true
      }
    }
    if (!onBrick) rows[at + STRIKE] = 0
    rows[at + BALL_X] = x
    rows[at + BALL_Y] = y
    return reward
  }

  protected draw(at: number): void {
    const { rows } = this
    for (let line = 0; line < BRICK_LINES; line++) {
      const bricks = rows[at + BRICKS + line]!
      for (let x = 0; x < SIDE; x++) if ((bricks >> x) & 1) this.mark(x, TOP + line, CHANNELS.brick)
    }
    this.mark(rows[at + BALL_X]!, rows[at + BALL_Y]!, CHANNELS.ball)
    this.mark(rows[at + PADDLE]!, BOTTOM, CHANNELS.paddle)
    this.mark(rows[at + LAST_X]!, rows[at + LAST_Y]!, CHANNELS.trail)
  }

  private isBrick(at: number, x: number, y: number): boolean {
    return y >= TOP && y < TOP + BRICK_LINES && ((this.rows[at + BRICKS + y - TOP]! >> x) & 1) === 1
  }

  private fillBricks(at: number): void {
    this.rows.fill(FULL_LINE, at + BRICKS, at + BRICKS + BRICK_LINES)
  }
}
