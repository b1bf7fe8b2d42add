import type { Write } from "./history.ts";

/**
 * Holds what one key shows against what its clients were told. Values name the writes that their author had seen, so
 * causality is checked without opening a context: an edge leads from a write to each one that saw it.
 *
 * - lost: an acknowledged write that is neither there nor followed, along edges, by one that is, or by a delete;
 * - resurrected: a value beside a write that is acknowledged or there itself and that saw the value;
 * - refused: a value whose write was answered "certainly not applied";
 * - unknown: a value that nobody wrote, or that somebody wrote under another key;
 * - duplicate: one write shown twice;
 * - corrupt: bytes whose checksum does not match;
 * - stale: a read that missed an acknowledged write where that is not allowed (workload.ts says where).
 */
export interface Shown {
  readonly key: string;
  /** Ids of the writes whose values are there. */
  readonly ids: readonly string[];
  /** Values whose checksum does not match. */
  readonly corrupt: number;
}

export interface Violation {
  readonly kind: "lost" | "resurrected" | "refused" | "unknown" | "duplicate" | "corrupt" | "stale";
  readonly key: string;
  readonly detail: string;
  /** Of a resurrected value: its write, and the write whose author had seen it. */
  readonly value?: string;
  readonly by?: string;
}

/**
 * @param writes all writes of the key so far, whatever became of them
 * @param promised those of them that the answer must reflect: for a read under way, what was acknowledged before
 */
export function checkShown(
  shown: Shown,
  writes: readonly Write[],
  promised: readonly Write[] = acknowledged(writes),
): Violation[] {
  const { key, corrupt } = shown;
  const byId = new Map(writes.map((write) => [write.id, write]));
  const present = new Set(shown.ids);
  const found: Violation[] = [];
  const report = (kind: Violation["kind"], detail: string): void => void found.push({ kind, key, detail });
  const cameBack = (value: string, by: string, detail: string): void =>
    void found.push({ kind: "resurrected", key, detail, value, by });
  if (corrupt > 0) report("corrupt", `${corrupt} values do not match their checksum`);
  for (const id of shown.ids) {
    const write = byId.get(id);
    if (write?.kind !== "put") report("unknown", `${id} is there; no client put it under this key`);
    else if (write.outcome === "fail")
      report("refused", `${id} is there; its client was told that it is not`);
  }
  if (present.size < shown.ids.length) report("duplicate", `${shown.ids.toSorted().join(", ")} are there`);
  const reflected = reflectedIn(present, byId);
  for (const write of promised) {
    if (!reflected.has(write.id)) report("lost", `${write.kind} ${write.id} left nothing behind`);
    for (const id of write.saw) {
      if (present.has(id) && hasOneDot(byId.get(id)))
        cameBack(id, write.id, `${id} is there; ${write.id} saw it`);
    }
  }
  for (const id of present) {
    for (const seen of byId.get(id)?.saw ?? []) {
      if (present.has(seen) && hasOneDot(byId.get(seen)))
        cameBack(seen, id, `${seen} is there beside ${id}, which saw it`);
    }
  }
  return found;
}

export function acknowledged(writes: readonly Write[]): Write[] {
  return writes.filter(({ outcome }) => outcome === "ok");
}

/**
 * The writes that are there or followed by one that is, or by a delete. A delete that was refused ends no chain; one
 * whose fate is unknown may.
 */
function reflectedIn(present: ReadonlySet<string>, byId: ReadonlyMap<string, Write>): ReadonlySet<string> {
  const reflected = new Set<string>();
  const open = [...present];
  for (const { id, kind, outcome } of byId.values())
    if (kind === "delete" && outcome !== "fail") open.push(id);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (reflected.has(id)) continue;
    reflected.add(id);
    open.push(...(byId.get(id)?.saw ?? []));
  }
  return reflected;
}

/** A retry that another coordinator took may have made a second dot, which those who saw the first have not seen. */
function hasOneDot(write: Write | undefined): boolean {
  return (write?.attempts ?? 0) <= 1;
}
