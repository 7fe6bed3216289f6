// The `mappings` of a source map (version 3): lines by `;`, segments by `,`, numbers in base64 VLQ, each relative to the last.

/** Column of the bundle, and where it comes from: source, line, column, all from 0; without a source it comes from nowhere. */
export type Segment = readonly [column: number] | readonly [column: number, source: number, line: number, from: number]

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Map(Array.from(DIGITS, (digit, value) => [digit, value]))

/** @returns the segments of every line of the bundle */
export function decodeMappings(text: string): Segment[][] {
  let [source, line, from] = [0, 0, 0]
  return text.split(';').map((encoded) => {
    let column = 0
    return encoded
      .split(',')
      .filter((segment) => segment !== '')
      .map((segment): Segment => {
        const numbers = decodeNumbers(segment)
        column += numbers[0] ?? 0
        if (numbers.length < 4) return [column]
        source += numbers[1] ?? 0
        line += numbers[2] ?? 0
        from += numbers[3] ?? 0
        return [column, source, line, from]
      })
  })
}

export function encodeMappings(lines: readonly (readonly Segment[])[]): string {
  let last = [0, 0, 0]
  return lines
    .map((segments) => {
      let column = 0
      return segments
        .map((segment) => {
          const [at, ...origin] = segment
          const numbers = [at - column, ...origin.map((value, i) => value - (last[i] ?? 0))]
          column = at
          if (origin.length > 0) last = origin
          return numbers.map(encodeNumber).join('')
        })
        .join(',')
    })
    .join(';')
}

/** Five bits a digit, the lowest first; the sixth says that more follow, the lowest of all is the sign. */
function decodeNumbers(segment: string): number[] {
  const numbers: number[] = []
  let [value, shift] = [0, 0]
  for (const digit of segment) {
    const bits = VALUES.get(digit) ?? 0
    value += (bits & 31) << shift
    shift += 5
    if ((bits & 32) !== 0) continue
    numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1)
    value = shift = 0
  }
  return numbers
}

function encodeNumber(number: number): string {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1
  let text = ''
  do {
    const bits = rest & 31
    rest >>>= 5
    text += DIGITS[rest > 0 ? bits | 32 : bits]
  } while (rest > 0)
  return text
}
