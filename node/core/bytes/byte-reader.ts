/** Bytes that do not follow the format: cut short, out of range, not canonical. */
export class MalformedBytes extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MalformedBytes";
  }
}

/** Reads what ByteWriter wrote. Every method throws MalformedBytes instead of reading past the end. */
export class ByteReader {
  readonly #buffer: Uint8Array;
  #offset: number;
  readonly #end: number;

  constructor(buffer: Uint8Array, offset = 0, end = buffer.length) {
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
    this.#need(1);
    return this.#buffer[this.#offset++]!;
  }

  u32(): number {
    this.#need(4);
    const buffer = this.#buffer;
    const at = this.#offset;
    this.#offset += 4;
    return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw new MalformedBytes("varint has a needless byte");
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedBytes("varint exceeds 2^53-1");
  }

  /** A view of the next `length` bytes, not a copy. */
  raw(length: number): Uint8Array {
    this.#need(length);
    const view = this.#buffer.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }

  /** A view of a byte string of at most `max` bytes. */
  bytes(max: number): Uint8Array {
    const length = this.varint();
    if (length > max) throw new MalformedBytes(`byte string of ${length} bytes exceeds ${max}`);
    return this.raw(length);
  }

  text(maxBytes: number): string {
    return decodeUtf8(this.bytes(maxBytes));
  }

  /** Throws unless everything was read: trailing bytes mean that the two sides disagree on the format. */
  end(): void {
    if (this.remaining !== 0) throw new MalformedBytes(`${this.remaining} bytes too many`);
  }

  #need(count: number): void {
    if (this.remaining < count) throw new MalformedBytes(`cut short: ${count} bytes needed, ${this.remaining} left`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Throws MalformedBytes where the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new MalformedBytes("text is not UTF-8");
  }
}
