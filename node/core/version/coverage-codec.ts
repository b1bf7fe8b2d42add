import type { Coverage } from "./coverage.ts";
import type { ActorId, Dot } from "./dot.ts";
import { readDot, writeDot } from "./dot-codec.ts";
import { type ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";

export { readDot, writeDot };

/** A count that the bytes behind it cannot hold is a lie: refused before anything is kept for it. */
const ENTRY_BYTES_MIN = 10;

/** Canonical: actors ascending, each once; loose dots after the vector, ascending. */
export function writeCoverage(writer: ByteWriter, coverage: Coverage): void {
  writer.varint(coverage.vector.size);
  for (const [actor, n] of inOrder(coverage.vector)) writeDot(writer, { actor, n });
  let looseCount = 0;
  for (const counters of coverage.loose.values()) looseCount += counters.length;
  writer.varint(looseCount);
  if (looseCount === 0) return;
  for (const [actor, counters] of inOrder(coverage.loose)) {
    for (const n of counters) writeDot(writer, { actor, n });
  }
}

/** A coverage on its own, for a message to a storage thread. */
export function encodeCoverage(coverage: Coverage): Uint8Array {
  const writer = new ByteWriter(64);
  writeCoverage(writer, coverage);
  return writer.finish();
}

/** By the text of the actor, as compareDots orders them: #10 comes before #9. */
function inOrder<Value>(map: ReadonlyMap<ActorId, Value>): Iterable<readonly [ActorId, Value]> {
  return map.size < 2 ? map : [...map].sort(([left], [right]) => (left < right ? -1 : 1));
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

function readLoose(reader: ByteReader, vector: ReadonlyMap<ActorId, number>): Coverage["loose"] {
  const count = readCount(reader);
  if (count === 0) return noLooseDots;
  const loose = new Map<ActorId, number[]>();
  let last: Dot | undefined;
  for (let left = count; left > 0; left--) {
    const dot = readDot(reader);
    const ascending =
      last === undefined || dot.actor > last.actor || (dot.actor === last.actor && dot.n > last.n);
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

const noLooseDots: Coverage["loose"] = new Map();

function readCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count * ENTRY_BYTES_MIN > reader.remaining) {
    throw new MalformedBytes(`coverage of ${count} entries in ${reader.remaining} bytes`);
  }
  return count;
}
