import path from "node:path";
import Sqlite from "better-sqlite3";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type { AdminPartitions, AdminStatus } from "../../node/contract/admin-types.ts";
import { adminAnswer } from "./admin-answer.ts";

/** What a change of the ring has moved between real nodes: which copies, and how many bytes. */

/** Partitions of which a node keeps a copy, by its index. */
export type Copies = ReadonlyMap<number, ReadonlySet<number>>;

export async function copiesAt(nodes: readonly LocalNode[]): Promise<Copies> {
  const copies = await Promise.all(
    nodes.map(async (node) => {
      const { partitions } = await adminAnswer<AdminPartitions>(node, "partitions");
      const owned = partitions.filter(({ role }) => role === "owner").map(({ partition }) => partition);
      return [node.index, new Set(owned)] as const;
    }),
  );
  return new Map(copies);
}

const GONE_MS_MAX = 300_000;

/** Resolves when no node keeps what others own now. */
export async function misplacedGone(nodes: readonly LocalNode[]): Promise<void> {
  const deadlineMs = performance.now() + GONE_MS_MAX;
  for (;;) {
    const statuses = await Promise.all(nodes.map((node) => adminAnswer<AdminStatus>(node, "status")));
    const keys = statuses.map(({ misplaced }) => misplaced?.keys);
    if (keys.every((left) => left === 0)) return;
    if (performance.now() > deadlineMs) throw new Error(`misplaced keys are left: ${keys.join()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Copies that a node has now and had not before. */
export function gained(before: Copies, after: Copies): number[] {
  return [...after].flatMap(([index, now]) => [...now].filter((each) => !before.get(index)?.has(each)));
}

/** What a node has more of has come from elsewhere: fewer moves there cannot be. */
export function movesLeast(before: Copies, after: Copies): number {
  return [...after].reduce(
    (sum, [index, now]) => sum + Math.max(0, now.size - (before.get(index)?.size ?? 0)),
    0,
  );
}

const PARTITION_SQL = `
  SELECT substr(position, 1, 1) AS first, sum(length(record)) AS bytes FROM record GROUP BY substr(position, 1, 1)`;

/** Of the records of each of the 256 partitions, as they lie in a copy. */
export function recordBytes(nodes: readonly LocalNode[]): Map<number, number> {
  const bytesOf = new Map<number, number>();
  for (const { dataDirectory } of nodes) {
    const database = new Sqlite(path.join(dataDirectory, "data.db"), { readonly: true });
    try {
      for (const { first, bytes } of database
        .prepare<[], { first: Buffer; bytes: number }>(PARTITION_SQL)
        .all())
        bytesOf.set(first[0]!, Math.max(bytes, bytesOf.get(first[0]!) ?? 0));
    } finally {
      database.close();
    }
  }
  return bytesOf;
}

/** Of all messages by which these nodes got copies, both ways. */
export async function bytesTransferred(nodes: readonly LocalNode[]): Promise<number> {
  const pages = await Promise.all(
    nodes.map(async (node) => (await fetch(`http://${node.admin}/metrics`)).text()),
  );
  const lines = pages.flatMap((page) => page.match(/^dynamo_transfer_bytes_total\{.*\} \d+$/gm) ?? []);
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
