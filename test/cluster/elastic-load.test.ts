import path from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "chai";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type { AdminPartitions, AdminRing, AdminStatus } from "../../node/contract/admin-types.ts";
import { readBack, Workload } from "./faults/workload.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/**
 * A cluster that grows and shrinks while clients read, write and delete: nobody sees an error, every read shows all that was
 * acknowledged before it began, nothing is lost or comes back, and little more moves than has to.
 *
 * TEST_ELASTIC_KEYS: how many keys there are before (5,000), such as 50,000.
 */
const KEYS = Number(process.env["TEST_ELASTIC_KEYS"] ?? 5_000);
const CLIENTS = 8;
const THINK_MS_MAX = 20;
const PADDING_MAX = 2_000;
/** Acknowledged writes before, between and after the changes. */
const STEP = 500;
/** Of a call while copies move; for a machine that runs other tests too. */
const SLOW_MS = 500;
/** Messages beside records: roots, digests of rows, positions. */
const BYTES_FACTOR = 1.1;

describe(`cluster: three nodes with ${KEYS} keys grow to five and shrink to three under load: N=3 W=2 R=2`, function () {
  this.timeout(900_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(5);
  const three = nodes.slice(0, 3);
  // All five throughout: those that are not there yet, or not any more, are the client library's to hide.
  const endpoints = nodes.map(({ client }) => `http://${client}`);
  const load = new Workload({
    name: "elastic",
    endpoints,
    clients: CLIENTS,
    thinkMsMax: THINK_MS_MAX,
    loaded: KEYS,
    paddingMax: PADDING_MAX,
  });

  before(async () => {
    expectCode(await rig.up("--nodes", "3"), 0);
    await load.load();
    load.start();
    await load.history.moreAcknowledged(STEP);
  });
  after(() => load.stop());
  after(() => rig.remove());

  it("three to five: no request fails, and what moves is what the plan has to move", async () => {
    const before = await copiesAt(three);
    const bytesOf = recordBytes(three);
    const { seconds, startedMs } = await timed(() => rig.up("--nodes", "5"));
    const after = await copiesAt(nodes);
    const [moved, bytes] = [await bytesTransferred(nodes), bytesMoved(before, after, bytesOf)];
    tell(`three to five in ${seconds} s`, moved, bytes, callsSince(startedMs));
    expectFewMoves(before, after);
    expect(moved).to.be.at.most(BYTES_FACTOR * bytes);
    await expectEvenShares(5);
    expect(p99(callsSince(startedMs))).to.be.below(SLOW_MS);
    await load.history.moreAcknowledged(STEP);
    expect(load.history.errors.slice(0, 5)).to.deep.equal([]);
    expect(load.violations).to.deep.equal([]);
  });

  it("what the three do not own any more is gone from them", async () => {
    const startedMs = performance.now();
    await misplacedGone(nodes);
    process.stdout.write(`      gone in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s\n`);
  });

  it("five to three: the same", async () => {
    const before = await copiesAt(nodes);
    const bytesOf = recordBytes(nodes);
    const earlier = await bytesTransferred(three);
    const { seconds, startedMs } = await timed(() => rig.up("--nodes", "3"));
    const after = await copiesAt(three);
    const [moved, bytes] = [(await bytesTransferred(three)) - earlier, bytesMoved(before, after, bytesOf)];
    tell(`five to three in ${seconds} s`, moved, bytes, callsSince(startedMs));
    expectFewMoves(before, after);
    expect(moved).to.be.at.most(BYTES_FACTOR * bytes);
    await expectEvenShares(3);
    expect(p99(callsSince(startedMs))).to.be.below(SLOW_MS);
    await load.history.moreAcknowledged(STEP);
    expect(load.history.errors.slice(0, 5)).to.deep.equal([]);
    expect(load.violations).to.deep.equal([]);
  });

  it("all that was acknowledged is there, and nothing that was replaced or deleted", async () => {
    await load.stop();
    expect(await readBack(load.history, endpoints)).to.deep.equal([]);
  });

  async function timed(
    run: () => ReturnType<typeof rig.up>,
  ): Promise<{ seconds: string; startedMs: number }> {
    const startedMs = performance.now();
    expectCode(await run(), 0);
    return { seconds: ((performance.now() - startedMs) / 1_000).toFixed(1), startedMs };
  }

  /** What each call that began since then took, in milliseconds. */
  function callsSince(startedMs: number): number[] {
    return [...load.history.writes(), ...load.history.reads]
      .filter((call) => call.startedMs >= startedMs && Number.isFinite(call.endedMs))
      .map((call) => call.endedMs - call.startedMs);
  }

  async function expectEvenShares(members: number): Promise<void> {
    const ring = await admin<AdminRing>(nodes[0]!, "ring");
    expect(ring.change).to.equal(null);
    const shares = ring.members.map((_, i) => ring.owners.filter((owner) => owner === i).length);
    expect(shares).to.have.length(members);
    expect(Math.max(...shares) - Math.min(...shares), shares.join()).to.be.at.most(1);
  }
});

const MISPLACED_MS_MAX = 300_000;

/** Partitions of which a node keeps a copy, by its index. */
type Copies = ReadonlyMap<number, ReadonlySet<number>>;

async function copiesAt(nodes: readonly LocalNode[]): Promise<Copies> {
  const copies = await Promise.all(
    nodes.map(async (node) => {
      const { partitions } = await admin<AdminPartitions>(node, "partitions");
      const owned = partitions.filter(({ role }) => role === "owner").map(({ partition }) => partition);
      return [node.index, new Set(owned)] as const;
    }),
  );
  return new Map(copies);
}

/** Resolves when no node keeps what others own now. */
async function misplacedGone(nodes: readonly LocalNode[]): Promise<void> {
  const deadlineMs = performance.now() + MISPLACED_MS_MAX;
  for (;;) {
    const statuses = await Promise.all(nodes.map((node) => admin<AdminStatus>(node, "status")));
    const keys = statuses.map(({ misplaced }) => misplaced?.keys);
    if (keys.every((left) => left === 0)) return;
    if (performance.now() > deadlineMs) throw new Error(`misplaced keys are left: ${keys.join()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Copies that a node has now and had not before. */
function gained(before: Copies, after: Copies): number[] {
  return [...after].flatMap(([index, now]) => [...now].filter((each) => !before.get(index)?.has(each)));
}

/** What a node has more of has come from elsewhere: fewer moves there cannot be. */
function expectFewMoves(before: Copies, after: Copies): void {
  const least = [...after].reduce(
    (sum, [index, now]) => sum + Math.max(0, now.size - (before.get(index)?.size ?? 0)),
    0,
  );
  expect(least).to.be.above(0);
  expect(gained(before, after).length).to.be.at.most(1.1 * least);
}

/** Of the records in the copies that have moved, as they were before. */
function bytesMoved(before: Copies, after: Copies, bytesOf: ReadonlyMap<number, number>): number {
  return gained(before, after).reduce((sum, partition) => sum + (bytesOf.get(partition) ?? 0), 0);
}

const PARTITION_SQL = `
  SELECT substr(position, 1, 1) AS first, sum(length(record)) AS bytes FROM record GROUP BY substr(position, 1, 1)`;

/** Of the records of each of the 256 partitions, as they lie in a copy. */
function recordBytes(nodes: readonly LocalNode[]): Map<number, number> {
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
async function bytesTransferred(nodes: readonly LocalNode[]): Promise<number> {
  const pages = await Promise.all(
    nodes.map(async (node) => (await fetch(`http://${node.admin}/metrics`)).text()),
  );
  const lines = pages.flatMap((page) => page.match(/^dynamo_transfer_bytes_total\{.*\} \d+$/gm) ?? []);
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

async function admin<T>(node: LocalNode, what: string): Promise<T> {
  return (await (await fetch(`http://${node.admin}/admin/v1/${what}`)).json()) as T;
}

function p99(calls: readonly number[]): number {
  return calls.toSorted((a, b) => a - b)[Math.floor(calls.length * 0.99)] ?? 0;
}

function tell(what: string, moved: number, bytes: number, calls: readonly number[]): void {
  const ratio = (moved / bytes).toFixed(3);
  const slowest = Math.max(...calls).toFixed(0);
  process.stdout.write(
    `      ${what}, ${moved} bytes moved, ${ratio} times the least; ${calls.length} calls, p99 ${p99(calls).toFixed(0)} ms, slowest ${slowest} ms\n`,
  );
}
