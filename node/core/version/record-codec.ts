import { compareDots, type Dot } from "./dot.ts";
import { covers } from "./coverage.ts";
import type { KeyRecord, Sibling, UnknownField } from "./record.ts";
import { ByteReader, decodeUtf8, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { readCoverage, readDot, writeCoverage, writeDot } from "./coverage-codec.ts";

/**
 * Records as bytes: on disk, between nodes, under the Merkle leaf. Canonical (equal records have equal bytes), and
 * open: fields are tagged, ascending, and unknown tags are kept. Layout of version 1:
 *
 *   u8 version · bucket · key · coverage · count of siblings · siblings · fields of the record
 *   sibling = dot · fields;  fields = count · (tag, length, bytes)…
 */
export const RECORD_VERSION = 1;

/** Hard bound of an encoded record, whatever the configured caps: repair and replication must always fit. */
export const RECORD_BYTES_MAX = 256 * 1024 * 1024;
const SIBLINGS_MAX = 1_000_000;
const KEY_BYTES_MAX = 64 * 1024;
const FIELDS_MAX = 256;

const TAG = { value: 1, contentType: 2, modifiedMs: 3, requestId: 4, expiresAtMs: 5, tombstone: 6 } as const;

export function encodeRecord(record: KeyRecord): Uint8Array {
  let size = 64 + record.bucket.length + record.key.length + 24 * record.coverage.vector.size;
  for (const sibling of record.siblings) size += 128 + sibling.value.length;
  const writer = new ByteWriter(size);
  writer.u8(RECORD_VERSION).bytes(record.bucket).bytes(record.key);
  writeCoverage(writer, record.coverage);
  writer.varint(record.siblings.length);
  for (const sibling of record.siblings) writeSibling(writer, sibling);
  writeFields(writer, record.unknownFields);
  return writer.finish();
}

/** Throws MalformedBytes. Values are views into `bytes`. */
export function decodeRecord(bytes: Uint8Array): KeyRecord {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== RECORD_VERSION) throw new MalformedBytes(`record format ${version} is newer than ${RECORD_VERSION}`);
  const bucket = reader.bytes(KEY_BYTES_MAX);
  const key = reader.bytes(KEY_BYTES_MAX);
  const coverage = readCoverage(reader);
  const count = reader.varint();
  if (count > SIBLINGS_MAX) throw new MalformedBytes(`record of ${count} siblings`);
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
  writeDot(writer, sibling.dot);
  const expires = sibling.expiresAtMs !== undefined;
  writer.varint(4 + (expires ? 1 : 0) + (sibling.tombstone ? 1 : 0) + sibling.unknownFields.length);
  writer.varint(TAG.value).bytes(sibling.value);
  writer.varint(TAG.contentType).text(sibling.contentType);
  writeNumberField(writer, TAG.modifiedMs, sibling.modifiedMs);
  writer.varint(TAG.requestId).text(sibling.requestId);
  if (expires) writeNumberField(writer, TAG.expiresAtMs, sibling.expiresAtMs);
  if (sibling.tombstone) writer.varint(TAG.tombstone).varint(0);
  for (const field of sibling.unknownFields) writer.varint(field.tag).bytes(field.bytes);
}

function writeNumberField(writer: ByteWriter, tag: number, value: number): void {
  writer.varint(tag).bytes(new ByteWriter(8).varint(value).finish());
}

function readSibling(reader: ByteReader): Sibling {
  const dot: Dot = readDot(reader);
  let value: Uint8Array | undefined;
  let contentType = "";
  let modifiedMs = 0;
  let requestId = "";
  let expiresAtMs: number | undefined;
  let tombstone = false;
  const unknownFields: UnknownField[] = [];
  for (const { tag, bytes } of readFields(reader)) {
    if (tag === TAG.value) value = bytes;
    else if (tag === TAG.contentType) contentType = decodeUtf8(bytes);
    else if (tag === TAG.modifiedMs) modifiedMs = decodeNumber(bytes);
    else if (tag === TAG.requestId) requestId = decodeUtf8(bytes);
    else if (tag === TAG.expiresAtMs) expiresAtMs = decodeNumber(bytes);
    else if (tag === TAG.tombstone) tombstone = true;
    else unknownFields.push({ tag, bytes });
  }
  if (value === undefined) throw new MalformedBytes("a sibling has no value");
  return { dot, tombstone, value, contentType, modifiedMs, requestId, expiresAtMs, unknownFields };
}

function writeFields(writer: ByteWriter, fields: readonly UnknownField[]): void {
  writer.varint(fields.length);
  for (const field of fields) writer.varint(field.tag).bytes(field.bytes);
}

function readFields(reader: ByteReader): UnknownField[] {
  const count = reader.varint();
  if (count > FIELDS_MAX) throw new MalformedBytes(`${count} fields exceed ${FIELDS_MAX}`);
  const fields: UnknownField[] = [];
  for (let i = 0; i < count; i++) {
    const tag = reader.varint();
    if (i > 0 && tag <= fields[i - 1]!.tag) throw new MalformedBytes("field tags are not ascending");
    fields.push({ tag, bytes: reader.bytes(RECORD_BYTES_MAX) });
  }
  return fields;
}

function decodeNumber(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes);
  const value = reader.varint();
  reader.end();
  return value;
}
