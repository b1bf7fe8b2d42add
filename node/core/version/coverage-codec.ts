import type { Coverage } from "./coverage.ts";
import type { ActorId, Dot } from "./dot.ts";
import { type ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";

/** Bound on what one message can make a node hold; far above what pruning leaves. */
const ENTRIES_MAX = 65_536;

/** Canonical: actors ascending, each once; loose dots after the vector, ascending. */
export function writeCoverage(writer: ByteWriter, coverage: Coverage): void {
  writer.varint(coverage.vector.size);
  for (const actor of sortedKeys(coverage.vector)) writeDot(writer, { actor, n: coverage.vector.get(actor)! });
  let looseCount = 0;
  for (const counters of coverage.loose.values()) looseCount += counters.length;
  writer.varint(looseCount);
  if (looseCount === 0) return;
  for (const actor of sortedKeys(coverage.loose)) {
    for (const n of coverage.loose.get(actor)!) writeDot(writer, { actor, n });
  }
}

export function encodeCoverage(coverage: Coverage): Uint8Array {
  const writer = new ByteWriter(48);
  writeCoverage(writer, coverage);
  return writer.finish();
}

/** Throws MalformedBytes unless the entries are canonical. */
export function readCoverage(reader: ByteReader): Coverage {
  const vector = new Map<ActorId, number>();
  let last = "";
  for (let left = readCount(reader); left > 0; left--) {
    const { actor, n } = readDot(reader);
    if (actor <= last) throw new MalformedBytes("actors of a coverage are not ascending");
    vector.set(actor, n);
    last = actor;
  }
  return { vector, loose: readLoose(reader, vector) };
}

function readLoose(reader: ByteReader, vector: ReadonlyMap<ActorId, number>): ReadonlyMap<ActorId, number[]> {
  const loose = new Map<ActorId, number[]>();
  let last: Dot | undefined;
  for (let left = readCount(reader); left > 0; left--) {
    const dot = readDot(reader);
    const ascending = last === undefined || dot.actor > last.actor || (dot.actor === last.actor && dot.n > last.n);
    if (!ascending) throw new MalformedBytes("loose dots are not ascending");
    const counters = loose.get(dot.actor);
    if (counters === undefined && dot.n <= (vector.get(dot.actor) ?? 0) + 1) {
      throw new MalformedBytes("a loose dot belongs into the vector");
    }
    if (counters === undefined) loose.set(dot.actor, [dot.n]);
    else counters.push(dot.n);
    last = dot;
  }
  return loose;
}

function readCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count > ENTRIES_MAX) throw new MalformedBytes(`coverage of ${count} entries exceeds ${ENTRIES_MAX}`);
  return count;
}

/** 8 bytes of database actor, epoch, counter. */
export function writeDot(writer: ByteWriter, dot: Dot): void {
  const separator = 16;
  for (let i = 0; i < separator; i += 2) {
    writer.u8((hexDigit(dot.actor.charCodeAt(i)) << 4) | hexDigit(dot.actor.charCodeAt(i + 1)));
  }
  writer.varint(Number(dot.actor.slice(separator + 1)));
  writer.varint(dot.n);
}

export function readDot(reader: ByteReader): Dot {
  let actor = "";
  for (let i = 0; i < 8; i++) actor += HEX[reader.u8()]!;
  const epoch = reader.varint();
  if (epoch > 0xffffffff) throw new MalformedBytes("epoch of an actor exceeds 32 bits");
  const n = reader.varint();
  if (n === 0) throw new MalformedBytes("counter of a dot is 0");
  return { actor: `${actor}#${epoch}` as ActorId, n };
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : code - 87;
}

function sortedKeys(map: ReadonlyMap<ActorId, unknown>): ActorId[] {
  return map.size === 1 ? [...map.keys()] : [...map.keys()].sort();
}
