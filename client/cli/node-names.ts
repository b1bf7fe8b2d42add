import type { AdminMember, AdminStatus } from "../../node/contract/admin-types.ts";

/**
 * Nodes by the name that a person knows them by: the address that clients use, else the one that peers use, else the
 * beginning of the id. Ids stay in the JSON and in the last column of tables.
 */
export class NodeNames {
  readonly #names = new Map<string, string>();

  learn(node: Pick<AdminMember | AdminStatus["node"], "id" | "address" | "clientAddress">): void {
    const name = node.clientAddress || node.address;
    if (name !== "") this.#names.set(node.id, name);
  }

  nameOf(id: string): string {
    return this.#names.get(id) ?? id.slice(0, 8);
  }

  /** By name. */
  sorted<T>(nodes: readonly T[], idOf: (node: T) => string): T[] {
    return [...nodes].sort((a, b) => (this.nameOf(idOf(a)) < this.nameOf(idOf(b)) ? -1 : 1));
  }
}

/** A duration for people, in its largest unit: "850 ms", "12 s", "3 min", "5 h", "2 d". */
export function shownDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 86_400_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`;
}
