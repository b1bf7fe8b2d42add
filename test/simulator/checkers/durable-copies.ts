import { join } from "../../../node/core/version/coverage.ts";
import { emptyRecord, type KeyRecord, merge } from "../../../node/core/version/record.ts";
import { positionOf } from "../../../node/core/ring/position.ts";
import { BUCKET } from "../workload/bucket.ts";
import { simulatedHash } from "../world/simulated-hash.ts";
import { type DatabaseFile, placeOf } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { soundRecord } from "./sound-record.ts";

const utf8 = new TextEncoder();
const places = new Map<string, string>();

/**
 * The copies of a key that are on stable storage at this moment and pass their checksum. What was sealed counts as covered by
 * each node's own.
 */
export function durableCopies(
  host: SimulatedHost,
  key: string,
): { data: KeyRecord | undefined; hint: KeyRecord | undefined } {
  const data = soundCopy(host.disk.data, key);
  const hint = soundCopy(host.disk.hints, key);
  const forgotten = host.forgotten.get(placeOfKey(key));
  if (forgotten === undefined) return { data, hint };
  const record = data ?? emptyRecord({ bucket: BUCKET, key: utf8.encode(key) });
  return { data: { ...record, coverage: join(record.coverage, forgotten) }, hint };
}

function soundCopy(file: DatabaseFile, key: string): KeyRecord | undefined {
  const row = file.rows.get(placeOfKey(key));
  return row === undefined ? undefined : soundRecord(row);
}

/** What all nodes together still know of a key: owners' copies and hints. */
export function unionOfCopies(hosts: readonly SimulatedHost[], key: string): KeyRecord | undefined {
  let union: KeyRecord | undefined;
  for (const { disk } of hosts) {
    for (const copy of [soundCopy(disk.data, key), soundCopy(disk.hints, key)]) {
      if (copy !== undefined) union = union === undefined ? copy : merge(union, copy);
    }
  }
  return union;
}

export function placeOfKey(key: string): string {
  let place = places.get(key);
  if (place === undefined) {
    place = placeOf(positionOf({ bucket: BUCKET, key: utf8.encode(key) }, simulatedHash));
    places.set(key, place);
  }
  return place;
}
