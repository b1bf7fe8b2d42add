import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import { runningPid, startNode } from "../../client/local/node-process.ts";
import type { AdminPartitions, AdminRing, AdminStatus } from "../../node/contract/admin-types.ts";
import type { RingChangeProgress } from "../../node/contract/ring-change-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { endAtOnce, signalAtOnce } from "./faults/node-signals.ts";
import { type CommandRun, expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/** Copies move while processes die: nothing that was acknowledged is missing afterwards, and owners' copies are equal. */
const KEYS = 2_000;
const WAIT_MS_MAX = 120_000;

describe("cluster: copies that move while nodes die: N=3 R=2 W=2", function () {
  this.timeout(400_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(5);
  const [first, , third, fourth] = nodes as [LocalNode, LocalNode, LocalNode, LocalNode, LocalNode];
  const acknowledged = new Map<string, string>();
  let client: DynamoClient;
  let load = new AbortController();
  let written = 0;
  let writes: Promise<void>;

  before(async () => {
    expectCode(await rig.up("--nodes", "3"), 0);
    client = new DynamoClient({ endpoints: nodes.slice(0, 3).map((node) => `http://${node.client}`) });
    const names = Array.from({ length: KEYS }, (_, i) => `old-${i}`);
    for (let at = 0; at < KEYS; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => put(name, `${name} `.repeat(50))));
    writes = writeOn();
  });
  after(async () => {
    load.abort();
    await writes;
    client.close();
    await rig.remove();
  });

  async function put(key: string, value: string): Promise<void> {
    await client.putBlind("demo", key, value);
    acknowledged.set(key, value);
  }

  /** A put that fails while a node dies is nobody's promise. */
  async function writeOn(): Promise<void> {
    while (!load.signal.aborted) {
      written += 1;
      await put(`new-${written}`, `value ${written}`).catch(() => undefined);
      await delay(2);
    }
  }

  async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + WAIT_MS_MAX;
    while (!(await isTrue().catch(() => false))) {
      if (performance.now() > endMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
      await delay(20);
    }
  }

  /** Progress is looked at once a second, in which all can move: a test that wants more than this stops a node. */
  function untilTransfer(): Promise<void> {
    return until("a change is in its transfer, and not all copies are complete", async () => {
      const { phase, moved, total } = await progress();
      return phase === "transfer" && moved < total;
    });
  }

  const progress = (): Promise<RingChangeProgress> =>
    adminAnswer<RingChangeProgress>(first, "ring/changes/current");

  const untilSettled = (node: LocalNode, members: number): Promise<void> =>
    until(`the ring is settled with ${members} members`, async () => {
      const ring = await adminAnswer<AdminRing>(node, "ring");
      return ring.change === null && ring.members.length === members;
    });

  async function flagsOf(node: LocalNode): Promise<string[]> {
    return readFileSync(`/proc/${await runningPid(node)}/cmdline`, "utf8")
      .split("\0")
      .slice(2, -1);
  }

  /** Every acknowledged value is read, and each partition is the same at all of its owners. */
  async function expectWhole(owners: readonly LocalNode[]): Promise<void> {
    for (const [key, value] of acknowledged)
      expect((await client.get("demo", key)).text(), key).to.equal(value);
    await until("the owners' copies are equal, and nobody keeps another's", async () => {
      const roots = new Map<number, Set<string>>();
      for (const node of owners) {
        for (const { partition, role, root } of (await adminAnswer<AdminPartitions>(node, "partitions"))
          .partitions) {
          if (role === "misplaced") return false;
          roots.set(partition, (roots.get(partition) ?? new Set()).add(root));
        }
      }
      return [...roots.values()].every(({ size }) => size === 1);
    });
  }

  async function quiet(): Promise<void> {
    load.abort();
    await writes;
  }

  function resume(): void {
    load = new AbortController();
    writes = writeOn();
  }

  it("a node that joins is killed in the middle, and goes on where it was", async () => {
    const up = rig.up("--nodes", "4");
    await untilTransfer();
    const flags = await flagsOf(fourth);
    await until("it has copies of some keys", async () => {
      const { storage } = await adminAnswer<AdminStatus>(fourth, "status");
      return storage.keys > 0;
    });
    await endAtOnce([fourth], "SIGKILL");
    await delay(1_000);
    startNode(fourth, flags);
    await up;
    await untilSettled(first, 4);
    await quiet();
    await expectWhole(nodes.slice(0, 4));
    resume();
  });

  it("a node that leaves keeps its copies while an owner is silent, and lets go of them afterwards", async () => {
    const leave: Promise<CommandRun> = rig.command(3, ["ring", "leave", fourth.client, "--yes"]);
    await untilTransfer();
    await signalAtOnce([third], "SIGSTOP");
    await delay(3_000);
    await signalAtOnce([third], "SIGCONT");
    expectCode(await leave, 0);
    await signalAtOnce([third], "SIGSTOP");
    const status = () => adminAnswer<AdminStatus>(fourth, "status");
    await until("it waits for the silent owner", async () => {
      const { misplaced } = await status();
      return misplaced!.waitsFor.length > 0;
    });
    const { storage } = await status();
    expect(storage.keys).to.be.above(0);
    await signalAtOnce([third], "SIGCONT");
    await until("it keeps nothing any more", async () => (await status()).storage.keys === 0);
    await quiet();
    await expectWhole(nodes.slice(0, 3));
    resume();
  });

  it("a change that is cancelled in the middle leaves no copy where none belongs", async () => {
    expectCode(await rig.up("--nodes", "3"), 0);
    expectCode(await rig.up("--nodes", "4"), 0);
    // By its id: one that has left had the same address.
    const { node } = await adminAnswer<AdminStatus>(fourth, "status");
    const leave = rig.command(3, ["ring", "leave", node.id, "--yes"]);
    await untilTransfer();
    // It gains copies, so that the change cannot go on to its flip.
    await signalAtOnce([third], "SIGSTOP");
    await until("some copies are complete, and some are not", async () => {
      const { moved, total } = await progress();
      return moved > 0 && moved < total;
    });
    expectCode(await rig.command(2, ["ring", "cancel"]), 0);
    await signalAtOnce([third], "SIGCONT");
    expectCode(await leave, 1);
    await untilSettled(first, 4);
    await quiet();
    await expectWhole(nodes.slice(0, 4));
  });
});
