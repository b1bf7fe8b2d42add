import { type KeyRecord, merge } from "../../../node/core/version/record.ts";
import { positionOf } from "../../../node/core/ring/position.ts";
import { BUCKET, type Cluster } from "../cluster.ts";
import { simulatedHash } from "../world/simulated-hash.ts";
import { type DatabaseFile, placeOf } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { soundRecord } from "./sound-record.ts";

const utf8 = new TextEncoder();
const places = new Map<string, string>();

/** The copies of a key that are on stable storage at this moment and pass their checksum. */
export function durableCopies(
  host: SimulatedHost,
  key: string,
): { data: KeyRecord | undefined; hint: KeyRecord | undefined } {
  return { data: soundCopy(host.disk.data, key), hint: soundCopy(host.disk.hints, key) };
}

function soundCopy(file: DatabaseFile, key: string): KeyRecord | undefined {
  const row = file.rows.get(placeOfKey(key));
  return row === undefined ? undefined : soundRecord(row);
}

/** What all nodes together still know of a key: owners' copies and hints. */
export function unionOfCopies(cluster: Cluster, key: string): KeyRecord | undefined {
  let union: KeyRecord | undefined;
  for (const host of cluster.hosts) {
    const { data, hint } = durableCopies(host, key);
    for (const copy of [data, hint]) {
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
