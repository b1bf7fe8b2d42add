/**
 * Appends integers, byte strings and text to a growing buffer. Big-endian; varints are LEB128, unsigned.
 * The buffer is this writer's own, never a slice of a shared one: what `finish` returns can be transferred to
 * another thread.
 */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#putU32(this.#length, value);
    this.#length += 4;
    return this;
  }

  /** 0 … 2^53−1; throws RangeError on anything else, which would read back as another number. */
  varint(value: number): this {
    if (value < 0x80 && value >>> 0 === value) {
      this.#reserve(1);
      this.#buffer[this.#length++] = value;
      return this;
    }
    if (!(Number.isSafeInteger(value) && value >= 0)) throw new RangeError(`not a natural number: ${value}`);
    // A buffer that was made to measure must not grow for the most that a number could take.
    if (this.#buffer.length - this.#length < 8) this.#reserve(varintBytes(value));
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** The bytes as they are, without their length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Length as a varint, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** The length of the UTF-8 form as a varint, then the UTF-8 form. */
  text(text: string): this {
    if (text.length <= ASCII_LENGTH_MAX && this.#ascii(text)) return this;
    return this.bytes(utf8.encode(text));
  }

  /** What was written. The writer must not be used afterwards: the bytes may share its buffer. */
  finish(): Uint8Array {
    const buffer = this.#buffer;
    return this.#length === buffer.length ? buffer : buffer.subarray(0, this.#length);
  }

  /** Writes a text whose length in bytes is its length; takes everything back where it is not ASCII. */
  #ascii(text: string): boolean {
    const start = this.#length;
    this.varint(text.length);
    this.#reserve(text.length);
    const buffer = this.#buffer;
    const from = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#length = start;
        return false;
      }
      buffer[from + i] = code;
    }
    this.#length = from + text.length;
    return true;
  }

  #putU32(offset: number, value: number): void {
    const buffer = this.#buffer;
    buffer[offset] = value >>> 24;
    buffer[offset + 1] = value >>> 16;
    buffer[offset + 2] = value >>> 8;
    buffer[offset + 3] = value;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

const utf8 = new TextEncoder();

/** Short texts (content types, request ids) are nearly always ASCII, and written faster without the encoder. */
const ASCII_LENGTH_MAX = 64;

/** How many bytes `varint` writes for this value. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
