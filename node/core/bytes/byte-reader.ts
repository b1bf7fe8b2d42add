/** Bytes that do not follow the format: cut short, out of range, not canonical. */
export class MalformedBytes extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MalformedBytes";
  }
}

/**
 * Reads what ByteWriter wrote. Every method throws MalformedBytes instead of reading past the end, and refuses what
 * ByteWriter would not have written (a varint with a needless byte), so that decoding and encoding again gives the
 * same bytes. Bytes that were read are views, never copies: keep the buffer unchanged as long as they are in use.
 */
export class ByteReader {
  readonly #buffer: Uint8Array;
  #offset: number;
  readonly #end: number;

  /** Reads from `offset` up to `end`; throws RangeError where these lie outside the buffer. */
  constructor(buffer: Uint8Array, offset = 0, end = buffer.length) {
    if (!(offset >= 0 && offset <= end && end <= buffer.length)) {
      throw new RangeError(`bytes ${offset}…${end} of a buffer of ${buffer.length}`);
    }
    this.#buffer = buffer;
    this.#offset = offset;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    if (this.#offset >= this.#end) this.#cutShort(1);
    return this.#buffer[this.#offset++]!;
  }

  u32(): number {
    const buffer = this.#buffer;
    const at = this.#advance(4);
    return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
  }

  /** 0 … 2^53−1. */
  varint(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    let value = first & 0x7f;
    let scale = 0x80;
    for (let i = 1; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0) throw new MalformedBytes("varint has a needless byte");
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedBytes("varint exceeds 2^53-1");
  }

  /** A view of the next `length` bytes, not a copy. */
  raw(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** A view of a byte string of at most `max` bytes. */
  bytes(max: number): Uint8Array {
    return this.raw(this.#length(max));
  }

  text(maxBytes: number): string {
    const length = this.#length(maxBytes);
    const at = this.#advance(length);
    const ascii = length <= ASCII_BYTES_MAX ? asciiText(this.#buffer, at, at + length) : undefined;
    return ascii ?? decodeUtf8(this.#buffer.subarray(at, at + length));
  }

  /** Throws unless everything was read: trailing bytes mean that the two sides disagree on the format. */
  end(): void {
    if (this.remaining !== 0) throw new MalformedBytes(`${this.remaining} bytes too many`);
  }

  #length(max: number): number {
    const length = this.varint();
    if (length > max) throw new MalformedBytes(`byte string of ${length} bytes exceeds ${max}`);
    return length;
  }

  /** Steps over `count` bytes and returns where they start. */
  #advance(count: number): number {
    const at = this.#offset;
    if (count > this.#end - at) this.#cutShort(count);
    this.#offset = at + count;
    return at;
  }

  #cutShort(count: number): never {
    throw new MalformedBytes(`cut short: ${count} bytes needed, ${this.remaining} left`);
  }
}

/** Short texts (content types, request ids) are nearly always ASCII, and read faster without a call to the decoder. */
const ASCII_BYTES_MAX = 64;

/** Undefined where a byte is not ASCII. Eight at a time: a string that grows by one costs three times as much. */
function asciiText(buffer: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let bits = 0;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const a = buffer[at]!;
    const b = buffer[at + 1]!;
    const c = buffer[at + 2]!;
    const d = buffer[at + 3]!;
    const e = buffer[at + 4]!;
    const f = buffer[at + 5]!;
    const g = buffer[at + 6]!;
    const h = buffer[at + 7]!;
    bits |= a | b | c | d | e | f | g | h;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at < end; at++) {
    bits |= buffer[at]!;
    text += String.fromCharCode(buffer[at]!);
  }
  return bits < 0x80 ? text : undefined;
}

/** A byte order mark is text like any other: dropping it would give other bytes when written again. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Throws MalformedBytes where the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new MalformedBytes("text is not UTF-8");
  }
}
