import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import type { RingChangeProgress } from "../../node/contract/ring-change-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { readBack, Workload } from "./faults/workload.ts";
import { type CommandRun, expectCode, LocalClusterRig } from "./local-cluster-rig.ts";
import {
  bytesTransferred,
  copiesAt,
  gained,
  misplacedGone,
  movesLeast,
  recordBytes,
} from "./moved-copies.ts";

/**
 * A cluster that grows and shrinks while clients read, write and delete: nobody sees an error, every read shows all that was
 * acknowledged before it began, nothing is lost or comes back, and little more moves than has to.
 *
 * TEST_ELASTIC_KEYS: how many keys there are before, such as 50000; figures are then told.
 */
const KEYS = Number(process.env["TEST_ELASTIC_KEYS"] ?? 2_000);
const TELLS = process.env["TEST_ELASTIC_KEYS"] !== undefined;
const CLIENTS = 8;
const THINK_MS_MAX = 20;
const PADDING_MAX = 2_000;
/** Acknowledged writes before, between and after the changes. */
const STEP = 500;
/** Of a call in a hundred while copies move; for a machine that runs other tests too. */
const SLOW_MS = 2_000;
const MOVES_FACTOR = 1.1;
/** Of all messages against the records that have to move: roots, digests of rows and positions come with them. */
const BYTES_FACTOR = 1.1;

describe(`cluster: three nodes with ${KEYS} keys grow to five and shrink to three under load, N=3 W=2 R=2`, function () {
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

  it("three to five: no request fails, no read misses a write, and little more moves than has to", async () => {
    await resize(three, nodes);
  });

  it("what the three do not own any more is gone from them", async () => {
    const startedMs = performance.now();
    await misplacedGone(nodes);
    tell(`gone in ${secondsSince(startedMs)} s`);
  });

  it("five to three: the same", async () => {
    await resize(nodes, three);
  });

  it("all that was acknowledged is there, and nothing that was replaced or deleted", async () => {
    await load.stop();
    expect(await readBack(load.history, endpoints)).to.deep.equal([]);
  });

  async function resize(from: readonly LocalNode[], to: readonly LocalNode[]): Promise<void> {
    const startedMs = performance.now();
    const before = await copiesAt(from);
    const earlier = await bytesTransferred(three);
    const changed = rig.up("--nodes", String(to.length));
    const bytesOf = await bytesAtBegin(from, changed);
    expectCode(await changed, 0);
    const after = await copiesAt(to);
    const took = callsSince(startedMs).toSorted((a, b) => a - b);
    const p99 = took[Math.floor(took.length * 0.99)]!;
    const moves = gained(before, after);
    const moved = (await bytesTransferred(to)) - earlier;
    const least = moves.reduce((sum, partition) => sum + (bytesOf.get(partition) ?? 0), 0);
    tell(
      `${from.length} to ${to.length} in ${secondsSince(startedMs)} s: ${moves.length} copies, ${moved} bytes, ` +
        `${(moved / least).toFixed(3)} times the least; ${took.length} calls, ` +
        `p50 ${took[took.length >> 1]!.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, slowest ${took.at(-1)!.toFixed(0)} ms`,
    );
    expect(moves.length).to.be.within(1, MOVES_FACTOR * movesLeast(before, after));
    expect(moved).to.be.at.most(BYTES_FACTOR * least);
    expect(p99).to.be.below(SLOW_MS);
    await expectEvenShares(to.length);
    await load.history.moreAcknowledged(STEP);
    expect(load.history.errors).to.deep.equal([]);
    expect(load.violations).to.deep.equal([]);
  }

  /** Of each partition when its copies began to move: what is written from then on goes to both sets of owners. */
  async function bytesAtBegin(
    from: readonly LocalNode[],
    changed: Promise<CommandRun>,
  ): Promise<ReadonlyMap<number, number>> {
    const over = changed.then(() => true);
    for (;;) {
      const { phase } = await adminAnswer<Partial<RingChangeProgress>>(three[0]!, "ring/changes/current");
      if (phase === "transfer") return recordBytes(from);
      if (await Promise.race([over, delay(20)])) throw new Error("no copies moved");
    }
  }

  /** What each call that began since then took, in milliseconds. */
  function callsSince(startedMs: number): number[] {
    return [...load.history.writes(), ...load.history.reads]
      .filter((call) => call.startedMs >= startedMs && Number.isFinite(call.endedMs))
      .map((call) => call.endedMs - call.startedMs);
  }

  async function expectEvenShares(members: number): Promise<void> {
    const ring = await adminAnswer<AdminRing>(nodes[0]!, "ring");
    expect(ring.change).to.equal(null);
    const shares = ring.members.map((_, i) => ring.owners.filter((owner) => owner === i).length);
    expect(shares).to.have.length(members);
    expect(Math.max(...shares) - Math.min(...shares), shares.join()).to.be.at.most(1);
  }
});

function secondsSince(startedMs: number): string {
  return ((performance.now() - startedMs) / 1_000).toFixed(1);
}

function tell(line: string): void {
  if (TELLS) process.stdout.write(`      ${line}\n`);
}
