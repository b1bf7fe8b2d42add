import type { Write } from "./history.ts";

/**
 * Holds what one key shows against what its clients were told. Values name the writes that their author had seen, so
 * causality is checked without opening a context: an edge leads from a write to each one that saw it.
 *
 * - lost: an acknowledged write that is neither there nor followed, along edges, by one that is, or by a delete;
 * - resurrected: a value beside a write that is acknowledged or there itself and that saw the value;
 * - refused: a value whose write was answered "certainly not applied";
 * - unknown: a value that nobody wrote, or that somebody wrote under another key;
 * - corrupt: bytes whose checksum does not match.
 */
export interface Shown {
  readonly key: string;
  /** Ids of the writes whose values are there. */
  readonly ids: readonly string[];
  /** Values whose checksum does not match. */
  readonly corrupt: number;
}

export interface Violation {
  readonly kind: "lost" | "resurrected" | "refused" | "unknown" | "corrupt";
  readonly key: string;
  readonly detail: string;
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
  if (corrupt > 0) report("corrupt", `${corrupt} values do not match their checksum`);
  for (const id of shown.ids) {
    const write = byId.get(id);
    if (write?.kind !== "put") report("unknown", `${id} is there; no client put it under this key`);
    else if (write.outcome === "fail")
      report("refused", `${id} is there; its client was told that it is not`);
  }
  for (const write of promised) {
    if (!isReflected(write, present, writes)) report("lost", `${write.kind} ${write.id} left nothing behind`);
    for (const id of write.saw) {
      if (present.has(id) && hasOneDot(byId.get(id)))
        report("resurrected", `${id} is there; ${write.id} saw it`);
    }
  }
  for (const id of present) {
    for (const seen of byId.get(id)?.saw ?? []) {
      if (present.has(seen) && hasOneDot(byId.get(seen)))
        report("resurrected", `${seen} is there beside ${id}, which saw it`);
    }
  }
  return found;
}

export function acknowledged(writes: readonly Write[]): Write[] {
  return writes.filter(({ outcome }) => outcome === "ok");
}

/** A delete that was refused ends no chain; one whose fate is unknown may. */
function isReflected(write: Write, present: ReadonlySet<string>, writes: readonly Write[]): boolean {
  const visited = new Set<Write>();
  const open = [write];
  while (open.length > 0) {
    const at = open.pop()!;
    if (present.has(at.id) || (at.kind === "delete" && at.outcome !== "fail")) return true;
    if (visited.has(at)) continue;
    visited.add(at);
    for (const later of writes) if (later.saw.includes(at.id)) open.push(later);
  }
  return false;
}

/** A retry that another coordinator took may have made a second dot, which those who saw the first have not seen. */
function hasOneDot(write: Write | undefined): boolean {
  return (write?.attempts ?? 0) <= 1;
}
