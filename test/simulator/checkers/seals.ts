import type { StoredRow } from "../../../node/core/ports/database.ts";
import { decodeSealRequest } from "../../../node/core/seal/seal-messages.ts";
import { isDeleted } from "../../../node/core/seal/sealed-record.ts";
import { type Coverage, covers, emptyCoverage, includes, join } from "../../../node/core/version/coverage.ts";
import { isTombstone, type KeyRecord } from "../../../node/core/version/record.ts";
import { decodeMessage, KIND, kindOf } from "../../../node/core/wire/messages.ts";
import { nameOf } from "../workload/dot-registry.ts";
import { type Changes, placeOf } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { soundRecord } from "./sound-record.ts";

export interface SealFacts {
  hosts(): readonly SimulatedHost[];
  changesRing(): boolean;
  violated(kind: "sealed_too_early" | "sealed_value_resurrected", detail: string): void;
  /** A key is written of which something was forgotten. */
  writtenAgain(): void;
}

/**
 * I3, seal rounds: when the first node is told to forget a deleted key no disk holds a value that the tombstone deleted, and none
 * ever does from then on. What was forgotten counts as known for whoever asks whether a node has a write (durable-copies.ts).
 */
export class SealLedger {
  readonly #facts: SealFacts;
  readonly #forgotten = new Map<string, Forgotten>();

  constructor(facts: SealFacts) {
    this.#facts = facts;
  }

  /** What was forgotten of the key at this place. */
  coverageAt(place: string): Coverage {
    return this.#forgotten.get(place)?.coverage ?? emptyCoverage;
  }

  /** The writes whose tombstones were forgotten: they were there to the end. */
  writesAt(place: string): ReadonlySet<string> {
    return this.#forgotten.get(place)?.writes ?? new Set();
  }

  /** Whether somebody is told to forget by this message. */
  sent(message: Uint8Array): boolean {
    if (kindOf(message) !== KIND.seal) return false;
    const decoded = decodeMessage(message);
    if (decoded.kind !== "request" || decoded.request.kind !== "seal") return false;
    const request = decodeSealRequest(decoded.request.body);
    if (request.kind !== "seal") return false;
    for (const row of request.rows)
      if (isDeleted(row)) this.#forget(placeOf(row.position), row.coverage, this.#writesOf(row.position));
    return true;
  }

  /** To be called before the rows are in the file. */
  dataDurable(host: SimulatedHost, changes: Changes): void {
    for (const [place, row] of changes) {
      const before = host.disk.data.rows.get(place);
      const record = before && soundRecord(before);
      // A node that is alone is told by nobody. Where the ring changes, rows also go because others own them: not while there are none.
      const members = host.node?.ring.current()?.members ?? [];
      const isSealed = !this.#facts.changesRing() || (members.length === 1 && members[0]!.id === host.id);
      if (isSealed && row === undefined && record !== undefined && isTombstone(record))
        this.#forget(place, record.coverage, writesOf(record));
      this.#look(host, place, row);
    }
  }

  hintsDurable(host: SimulatedHost, changes: Changes): void {
    for (const [place, row] of changes) this.#look(host, place, row);
  }

  #forget(place: string, coverage: Coverage, writes: Iterable<string>): void {
    const before = this.#forgotten.get(place);
    if (before !== undefined && includes(before.coverage, coverage)) return;
    const forgotten = {
      coverage: before === undefined ? coverage : join(before.coverage, coverage),
      writes: new Set([...(before?.writes ?? []), ...writes]),
    };
    this.#forgotten.set(place, forgotten);
    for (const host of this.#facts.hosts()) {
      host.forgotten.set(place, forgotten.coverage);
      for (const { rows } of [host.disk.data, host.disk.hints]) {
        const row = rows.get(place);
        const record = row && soundRecord(row);
        const value = record && deletedValue(record, coverage);
        if (value === undefined) continue;
        const detail = `${host.id.slice(-2)} holds ${value}, whose tombstone others are told to forget`;
        this.#facts.violated("sealed_too_early", detail);
      }
    }
  }

  #writesOf(position: Uint8Array): string[] {
    const place = placeOf(position);
    const rows = this.#facts.hosts().flatMap(({ disk }) => disk.data.rows.get(place) ?? []);
    return rows.flatMap((row) => writesOf(soundRecord(row)));
  }

  #look(host: SimulatedHost, place: string, row: StoredRow | undefined): void {
    const forgotten = this.#forgotten.get(place);
    const record = row && soundRecord(row);
    if (forgotten === undefined || record === undefined) return;
    const value = deletedValue(record, forgotten.coverage);
    if (value === undefined && !isTombstone(record)) this.#facts.writtenAgain();
    if (value === undefined) return;
    this.#facts.violated(
      "sealed_value_resurrected",
      `${host.id.slice(-2)} stores ${value}, which was sealed`,
    );
  }
}

interface Forgotten {
  readonly coverage: Coverage;
  readonly writes: ReadonlySet<string>;
}

function deletedValue({ siblings }: KeyRecord, sealed: Coverage): string | undefined {
  const value = siblings.find(({ dot, tombstone }) => !tombstone && covers(sealed, dot));
  return value && `${value.requestId} (${nameOf(value.dot)})`;
}

function writesOf(record: KeyRecord | undefined): string[] {
  return (record?.siblings ?? []).filter(({ tombstone }) => tombstone).map(({ requestId }) => requestId);
}

/** Deleted keys that are still in some table; a rotten row that nobody has another of stays. */
export function tombstonesLeft(hosts: readonly SimulatedHost[]): string | undefined {
  for (const { id, disk } of hosts) {
    for (const { rows } of [disk.data, disk.hints])
      for (const row of rows.values()) {
        const record = soundRecord(row);
        if (record === undefined || !isTombstone(record)) continue;
        return `${id.slice(-2)} still has a tombstone of ${new TextDecoder().decode(record.key)}`;
      }
  }
  return undefined;
}
