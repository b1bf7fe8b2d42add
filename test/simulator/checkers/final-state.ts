import { covers } from "../../../node/core/version/coverage.ts";
import type { KeyRecord } from "../../../node/core/version/record.ts";
import type { Cluster } from "../cluster.ts";
import type { History, WriteOperation } from "../workload/history.ts";
import type { DotRegistry } from "../workload/dot-registry.ts";
import { nameOf } from "../workload/dot-registry.ts";
import type { Violation } from "../violation.ts";
import { placeOfKey, unionOfCopies } from "./durable-copies.ts";

/**
 * What is left when all is quiet: the merge of all copies of a key on all disks, held against what clients were told.
 * Pure functions of history and record, so that planted histories can prove them (final-state.test.ts).
 */
export interface FinalState {
  readonly key: string;
  /** Undefined where no copy is left. */
  readonly record: KeyRecord | undefined;
  readonly history: Pick<History, "writesOf">;
  readonly registry: Pick<DotRegistry, "dotsOf">;
  /** Deletes whose tombstones were there until they were sealed. */
  readonly sealed?: ReadonlySet<string>;
}

type Found = Omit<Violation, "atMs">;

export function checkFinalStates(cluster: Cluster): void {
  const { history, registry } = cluster;
  for (const key of history.keys()) {
    const sealed = cluster.seals.writesAt(placeOfKey(key));
    const state = { key, record: unionOfCopies(cluster.hosts, key), history, registry, sealed };
    for (const { kind, detail } of [...lostWrites(state), ...resurrectedWrites(state)])
      cluster.violated(kind, detail);
  }
}

/** I1: from each acknowledged write a chain of writes that saw the one before leads to one that is still there. */
export function lostWrites({ key, record, history, registry, sealed = new Set() }: FinalState): Found[] {
  const writes = history.writesOf(key);
  const alive = new Set([...sealed, ...(record?.siblings.map(({ requestId }) => requestId) ?? [])]);
  const supersededBy = supersessions(writes, registry);
  const found: Found[] = [];
  for (const write of writes) {
    // A delete that found nothing, or only tombstones, wrote nothing, and its answer covers none of its own dots. An
    // earlier attempt of it may have minted one and be lost.
    const { answered } = write;
    const own = registry.dotsOf(write.id);
    const nothingWritten =
      write.kind === "delete" && !own.some(({ dot }) => answered === undefined || covers(answered, dot));
    if (write.outcome !== "ok" || nothingWritten || reachesAny(write.id, alive, supersededBy)) continue;
    found.push({
      kind: "acknowledged_write_lost",
      detail: `${write.kind} ${write.id} of ${key} left nothing behind`,
    });
  }
  return found;
}

/**
 * For each write id the writes whose author had been shown it. Clients are not shown deletes: whether a later write
 * knew of one is read off its context.
 */
function supersessions(
  writes: readonly WriteOperation[],
  registry: Pick<DotRegistry, "dotsOf">,
): Map<string, WriteOperation[]> {
  const result = new Map<string, WriteOperation[]>();
  const add = (id: string, by: WriteOperation): void => {
    const list = result.get(id);
    if (list === undefined) result.set(id, [by]);
    else list.push(by);
  };
  const deletes = writes.filter(({ kind }) => kind === "delete");
  for (const write of writes) {
    for (const id of write.saw) add(id, write);
    const { seen } = write;
    if (seen !== undefined) {
      for (const { id } of deletes)
        if (registry.dotsOf(id).some(({ dot }) => covers(seen, dot))) add(id, write);
    } else if (registry.dotsOf(write.id).length > 0) {
      // A delete that read by itself may have seen whatever was begun before its end, or before a slow attempt of it
      // wrote, which may be after the end: its client had tried again and been answered.
      const wroteMs = registry.dotsOf(write.id).map(({ firstSeenMs }) => firstSeenMs);
      const untilMs = Math.max(write.endedMs, ...wroteMs);
      for (const other of writes) if (other !== write && other.invokedMs <= untilMs) add(other.id, write);
    }
  }
  return result;
}

function reachesAny(
  id: string,
  alive: ReadonlySet<string>,
  supersededBy: Map<string, WriteOperation[]>,
): boolean {
  const visited = new Set<string>();
  const open = [id];
  while (open.length > 0) {
    const at = open.pop()!;
    if (alive.has(at)) return true;
    if (visited.has(at)) continue;
    visited.add(at);
    for (const by of supersededBy.get(at) ?? []) open.push(by.id);
  }
  return false;
}

/**
 * I3, I7: nothing is left beside a write that was acknowledged, or is left itself, and whose author had been shown it, or
 * had been shown a write whose author had, and so on.
 */
export function resurrectedWrites({ key, record, history, registry }: FinalState): Found[] {
  if (record === undefined) return [];
  const alive = new Set(record.siblings.map(({ requestId }) => requestId));
  const found: Found[] = [];
  const shownTo = chainsOf(history.writesOf(key));
  for (const sibling of record.siblings) {
    for (const write of history.writesOf(key)) {
      if (write.id === sibling.requestId || !(write.outcome === "ok" || alive.has(write.id))) continue;
      const sawDot = write.seen !== undefined && covers(write.seen, sibling.dot);
      // A retry that two coordinators took has two dots, and whoever saw one has not seen the other.
      const sawOnlyDot =
        shownTo.get(write.id)!.has(sibling.requestId) && registry.dotsOf(sibling.requestId).length === 1;
      if (!sawDot && !sawOnlyDot) continue;
      const detail = `${key}: ${sibling.requestId} (${nameOf(sibling.dot)}) is there beside ${write.id}, which saw it`;
      found.push({ kind: "superseded_value_resurrected", detail });
    }
    const operation = history.writesOf(key).find(({ id }) => id === sibling.requestId);
    if (operation?.outcome === "refused") {
      found.push({
        kind: "refused_write_applied",
        detail: `${key}: ${operation.id} was refused and is there`,
      });
    }
  }
  return found;
}

/** For each write id all writes that its author had been shown, directly or through the authors of those. */
function chainsOf(writes: readonly WriteOperation[]): Map<string, ReadonlySet<string>> {
  const saw = new Map(writes.map((write) => [write.id, write.saw]));
  return new Map(
    writes.map((write) => {
      const shown = new Set(write.saw);
      for (const id of shown) for (const before of saw.get(id) ?? []) shown.add(before);
      return [write.id, shown];
    }),
  );
}
