/** Writes protocol buffer messages (wire types 0, 2 and 5, all that ONNX needs) into one growing buffer. */
export class ProtobufWriter {
  private bytes = new Uint8Array(1024)
  private length = 0

  /** How many bytes have been written. */
  get position(): number {
    return this.length
  }

  /** A varint field: int64, int32, enum. Negative numbers take ten bytes, as the format wants. */
  integer(field: number, value: number): void {
    this.varint(field << 3)
    if (value < 0) this.bigVarint(BigInt.asUintN(64, BigInt(value)))
    else this.varint(value)
  }

  float(field: number, value: number): void {
    this.varint((field << 3) | 5)
    this.reserve(4)
    new DataView(this.bytes.buffer).setFloat32(this.length, value, true)
    this.length += 4
  }

  string(field: number, value: string): void {
    this.raw(field, new TextEncoder().encode(value))
  }

  /** Bytes; gives the position of the first. */
  raw(field: number, value: Uint8Array): number {
    this.varint((field << 3) | 2)
    this.varint(value.length)
    this.reserve(value.length)
    this.bytes.set(value, this.length)
    this.length += value.length
    return this.length - value.length
  }

  /** A message written on its own; gives the position of its first byte. */
  message(field: number, message: ProtobufWriter): number {
    return this.raw(field, message.finish())
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length)
  }

  private varint(value: number): void {
    this.reserve(10)
    let rest = value
    while (rest > 127) {
      this.bytes[this.length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.bytes[this.length++] = rest
  }

  private bigVarint(value: bigint): void {
    this.reserve(10)
    let rest = value
    while (rest > 127n) {
      this.bytes[this.length++] = Number(rest & 127n) | 128
      rest >>= 7n
    }
    this.bytes[this.length++] = Number(rest)
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }
}
