import { compareDots } from "./dot.ts";
import { covers } from "./coverage.ts";
import type { KeyRecord, Sibling, UnknownField } from "./record.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter, varintBytes } from "../bytes/byte-writer.ts";
import { readCoverage, writeCoverage } from "./coverage-codec.ts";
import { readDot, writeDot } from "./dot-codec.ts";

/**
 * Records as bytes: on disk, between nodes, under the Merkle leaf. Canonical (equal records have equal bytes, and
 * what decodes encodes to the same bytes), and open: fields are tagged, ascending, and unknown tags are kept.
 * Layout of version 1:
 *
 *   u8 version · bucket · key · coverage · count of siblings · siblings · fields of the record
 *   sibling = dot · fields;  fields = count · (tag, length, bytes)…
 *
 * Limits are on what bytes claim, never on how many actors or siblings a record has: whatever merge can make can be
 * written and read again.
 */
export const RECORD_VERSION = 1;

/** Hard bound of an encoded record, whatever the configured caps: repair and replication must always fit. */
export const RECORD_BYTES_MAX = 256 * 1024 * 1024;
const KEY_BYTES_MAX = 64 * 1024;
const TEXT_BYTES_MAX = 64 * 1024;
/** Bounds the fields of one sibling or record too, also after a merge that joined unknown fields: each tag once. */
const FIELD_TAG_MAX = 255;
/** Dot 10, count 1, and the four fields that every sibling has: 2 + 2 + 3 + 2. */
const SIBLING_BYTES_MIN = 20;

/** The first four are in every sibling; a reader that finds others between them reads a newer version. */
const TAG = { value: 1, contentType: 2, modifiedMs: 3, requestId: 4, expiresAtMs: 5, tombstone: 6 } as const;

export function encodeRecord(record: KeyRecord): Uint8Array {
  let size = 64 + record.bucket.length + record.key.length + 24 * record.coverage.vector.size;
  for (const sibling of record.siblings) size += 128 + sibling.value.length;
  const writer = new ByteWriter(size);
  writer.u8(RECORD_VERSION).bytes(record.bucket).bytes(record.key);
  writeCoverage(writer, record.coverage);
  writer.varint(record.siblings.length);
  for (const sibling of record.siblings) writeSibling(writer, sibling);
  writer.varint(record.unknownFields.length);
  writeFields(writer, record.unknownFields);
  return writer.finish();
}

/** Throws MalformedBytes. Byte strings are views into `bytes`. */
export function decodeRecord(bytes: Uint8Array): KeyRecord {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== RECORD_VERSION)
    throw new MalformedBytes(`record format ${version} is not ${RECORD_VERSION}`);
  const bucket = reader.bytes(KEY_BYTES_MAX);
  const key = reader.bytes(KEY_BYTES_MAX);
  const coverage = readCoverage(reader);
  const count = reader.varint();
  if (count * SIBLING_BYTES_MIN > reader.remaining) {
    throw new MalformedBytes(`record of ${count} siblings in ${reader.remaining} bytes`);
  }
  const siblings: Sibling[] = [];
  for (let i = 0; i < count; i++) {
    const sibling = readSibling(reader);
    if (i > 0 && compareDots(siblings[i - 1]!.dot, sibling.dot) >= 0) {
      throw new MalformedBytes("siblings are not ascending by dot");
    }
    if (!covers(coverage, sibling.dot)) throw new MalformedBytes("a sibling's dot is not covered");
    siblings.push(sibling);
  }
  const unknownFields = readFields(reader);
  reader.end();
  return { bucket, key, coverage, siblings, unknownFields };
}

function writeSibling(writer: ByteWriter, sibling: Sibling): void {
  const { expiresAtMs, tombstone, unknownFields } = sibling;
  writeDot(writer, sibling.dot);
  writer.varint(4 + (expiresAtMs === undefined ? 0 : 1) + (tombstone ? 1 : 0) + unknownFields.length);
  writer.varint(TAG.value).bytes(sibling.value);
  writer.varint(TAG.contentType).text(sibling.contentType);
  writeNumberField(writer, TAG.modifiedMs, sibling.modifiedMs);
  writer.varint(TAG.requestId).text(sibling.requestId);
  if (expiresAtMs !== undefined) writeNumberField(writer, TAG.expiresAtMs, expiresAtMs);
  if (tombstone) writer.varint(TAG.tombstone).varint(0);
  writeFields(writer, unknownFields);
}

function writeNumberField(writer: ByteWriter, tag: number, value: number): void {
  writer.varint(tag).varint(varintBytes(value)).varint(value);
}

function writeFields(writer: ByteWriter, fields: readonly UnknownField[]): void {
  for (const field of fields) writer.varint(field.tag).bytes(field.bytes);
}

function readSibling(reader: ByteReader): Sibling {
  const dot = readDot(reader);
  const count = reader.varint();
  if (count < TAG.requestId) throw new MalformedBytes("a sibling lacks a field");
  expectTag(reader, TAG.value);
  const value = reader.bytes(RECORD_BYTES_MAX);
  expectTag(reader, TAG.contentType);
  const contentType = reader.text(TEXT_BYTES_MAX);
  expectTag(reader, TAG.modifiedMs);
  const modifiedMs = readNumberField(reader);
  expectTag(reader, TAG.requestId);
  const requestId = reader.text(TEXT_BYTES_MAX);
  let expiresAtMs: number | undefined;
  let tombstone = false;
  let unknownFields = noFields;
  for (let tag: number = TAG.requestId, left = count - TAG.requestId; left > 0; left--) {
    tag = readTag(reader, tag);
    if (tag === TAG.expiresAtMs) expiresAtMs = readNumberField(reader);
    else if (tag === TAG.tombstone) tombstone = reader.bytes(0).length === 0;
    else unknownFields = [...unknownFields, { tag, bytes: reader.bytes(RECORD_BYTES_MAX) }];
  }
  if (tombstone && value.length > 0) throw new MalformedBytes("a tombstone has a value");
  return { dot, tombstone, value, contentType, modifiedMs, requestId, expiresAtMs, unknownFields };
}

function readFields(reader: ByteReader): readonly UnknownField[] {
  const count = reader.varint();
  if (count === 0) return noFields;
  const fields: UnknownField[] = [];
  for (let i = 0, tag = 0; i < count; i++) {
    tag = readTag(reader, tag);
    fields.push({ tag, bytes: reader.bytes(RECORD_BYTES_MAX) });
  }
  return fields;
}

const noFields: readonly UnknownField[] = [];

function expectTag(reader: ByteReader, tag: number): void {
  const found = reader.varint();
  if (found !== tag) throw new MalformedBytes(`field ${found} of a sibling where ${tag} belongs`);
}

function readTag(reader: ByteReader, last: number): number {
  const tag = reader.varint();
  if (tag <= last) throw new MalformedBytes("field tags are not ascending");
  if (tag > FIELD_TAG_MAX) throw new MalformedBytes(`field tag ${tag} exceeds ${FIELD_TAG_MAX}`);
  return tag;
}

function readNumberField(reader: ByteReader): number {
  const length = reader.varint();
  const start = reader.offset;
  const value = reader.varint();
  if (reader.offset - start !== length) throw new MalformedBytes(`a number of ${length} bytes`);
  return value;
}
