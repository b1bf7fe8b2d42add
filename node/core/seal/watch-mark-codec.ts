import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { WatchMark } from "../ports/seal-store.ts";

const LIFE_BYTES_MAX = 64;

export function writeMark(writer: ByteWriter, { life, at }: WatchMark): void {
  writer.text(life).varint(at);
}

/** Throws MalformedBytes. */
export function readMark(reader: ByteReader): WatchMark {
  return { life: reader.text(LIFE_BYTES_MAX), at: reader.varint() };
}
