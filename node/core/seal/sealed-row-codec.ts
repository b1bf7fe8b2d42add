import { type ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import { readCoverage, readDot, writeCoverage, writeDot } from "../version/coverage-codec.ts";
import type { Dot } from "../version/dot.ts";
import type { SealedRow } from "./sealed-record.ts";

/**
 * Sealed rows on their way between threads and between nodes:
 *
 *   count · (position · bucket · key · coverage · count · (dot · u8 tombstone)…)…
 */
const NAME_BYTES_MAX = 64 * 1024;
const FIXED_BYTES = 48;
const DOT_BYTES = 24;
/** Of a row without names, entries and siblings. */
const ROW_BYTES_MIN = 21;
const SIBLING_BYTES_MIN = 11;

/** Upper bound of what the rows take. */
export function sealedRowsBytes(rows: readonly SealedRow[]): number {
  return rows.reduce((sum, row) => sum + sealedRowBytes(row), 8);
}

export function sealedRowBytes({ bucket, key, coverage, siblings }: SealedRow): number {
  let dots = coverage.vector.size + siblings.length;
  for (const counters of coverage.loose.values()) dots += counters.length;
  return FIXED_BYTES + bucket.length + key.length + DOT_BYTES * dots;
}

export function writeSealedRows(writer: ByteWriter, rows: readonly SealedRow[]): void {
  writer.varint(rows.length);
  for (const { position, bucket, key, coverage, siblings } of rows) {
    writer.raw(position).bytes(bucket).bytes(key);
    writeCoverage(writer, coverage);
    writer.varint(siblings.length);
    for (const { dot, tombstone } of siblings) {
      writeDot(writer, dot);
      writer.u8(tombstone ? 1 : 0);
    }
  }
}

/** Throws MalformedBytes, also where there are more than `rowsMax`. Byte strings are views of what is read. */
export function readSealedRows(reader: ByteReader, rowsMax: number): SealedRow[] {
  const count = reader.varint();
  if (count > rowsMax || count * ROW_BYTES_MIN > reader.remaining)
    throw new MalformedBytes(`${count} sealed rows in ${reader.remaining} bytes, of at most ${rowsMax}`);
  return Array.from({ length: count }, () => ({
    position: reader.raw(16),
    bucket: reader.bytes(NAME_BYTES_MAX),
    key: reader.bytes(NAME_BYTES_MAX),
    coverage: readCoverage(reader),
    siblings: readSiblings(reader),
  }));
}

function readSiblings(reader: ByteReader): { dot: Dot; tombstone: boolean }[] {
  const count = reader.varint();
  if (count * SIBLING_BYTES_MIN > reader.remaining)
    throw new MalformedBytes(`${count} siblings of a sealed row in ${reader.remaining} bytes`);
  return Array.from({ length: count }, () => ({ dot: readDot(reader), tombstone: reader.u8() === 1 }));
}
