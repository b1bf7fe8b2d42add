import { expect } from "chai";
import type { RecoveryAttempt } from "../../../../../node/core/ring/change/ring-changes.ts";
import { drain, KeeperCluster } from "./keeper-cluster.ts";

/** Five members at epoch 2, of whom the last three are gone. */
async function lostMajority(): Promise<KeeperCluster> {
  const cluster = new KeeperCluster(5);
  await cluster.form(0, cluster.request([0, 1, 2, 3, 4]));
  await cluster.keepUp();
  for (const n of [2, 3, 4]) cluster.crash(cluster.ids[n]!);
  return cluster;
}

/** Undefined where the node that was asked died of it. */
async function recover(
  cluster: KeeperCluster,
  at: number,
  { survivors = [0, 1], epoch = 2 }: { survivors?: number[]; epoch?: number } = {},
): Promise<RecoveryAttempt | undefined> {
  let attempt: RecoveryAttempt | undefined;
  const request = { survivors: survivors.map((n) => cluster.ids[n]!), generation: 0, epoch };
  void cluster
    .governance(at)
    .recover(request)
    .then((outcome) => (attempt = outcome));
  await drain(400);
  return attempt;
}

const numberOf = (cluster: KeeperCluster, n: number): unknown[] => {
  const { generation, epoch, members } = cluster.keeper(n).current()!;
  return [generation, epoch, members.length];
};

describe("recovery agreement", () => {
  it("lets the survivors go on in a higher generation, and the others learn that they are no members", async () => {
    const cluster = await lostMajority();
    const attempt = await recover(cluster, 1);
    expect(attempt).to.deep.equal({
      kind: "recovered",
      decided: { generation: 1, epoch: 3, hash: cluster.keeper(0).hash() },
    });
    expect([numberOf(cluster, 0), numberOf(cluster, 1)]).to.deep.equal([
      [1, 3, 2],
      [1, 3, 2],
    ]);
    expect(await recover(cluster, 0), "sent again, to another one").to.deep.equal(attempt);
    cluster.restartAll();
    await cluster.connectAll();
    expect([2, 3, 4].map((n) => cluster.keeper(n).standing())).to.deep.equal(["left", "left", "left"]);
    const join = { changeId: "c", epoch: 3, type: "join", joining: [cluster.ids[2]!], leaving: [] } as const;
    expect(await cluster.governance(0).submit(join)).to.have.property("kind", "decided");
  });

  it("is refused where a majority survives, where the ring is another one, and for who is no member", async () => {
    const cluster = new KeeperCluster(6);
    await cluster.form(0, cluster.request([0, 1, 2, 3, 4]));
    await cluster.keepUp();
    await cluster.connectAll();
    const refusals = [{ survivors: [0, 1, 2] }, { epoch: 1 }, { survivors: [0, 5] }];
    const outcomes = await Promise.all(refusals.map((request) => recover(cluster, 0, request)));
    const codes = outcomes.map((outcome) => (outcome?.kind === "refused" ? outcome.code : outcome?.kind));
    expect(codes).to.deep.equal(["majority_survives", "epoch_passed", "unknown_node"]);
    expect(await recover(cluster, 5)).to.deep.equal({ kind: "no_ring" });
    cluster.crash(cluster.ids[1]!);
    expect(await recover(cluster, 0)).to.have.property("kind", "unreachable");
    expect(numberOf(cluster, 0)).to.deep.equal([0, 2, 5]);
  });

  it("goes on with all members where most of them have lost their ring stores and none can be admitted", async () => {
    const cluster = new KeeperCluster(3);
    await cluster.form(0, cluster.request([0, 1, 2]));
    await cluster.keepUp();
    for (const n of [1, 2]) {
      cluster.crash(cluster.ids[n]!);
      cluster.disk(n).bytes = undefined;
    }
    cluster.restartAll();
    await cluster.connectAll();
    for (let look = 0; look < 5; look++) await cluster.keepUp();
    expect(numberOf(cluster, 0), "one of three cannot decide").to.deep.equal([0, 2, 3]);
    expect(cluster.keeper(1).mayAcknowledge(), "and writes go on").to.equal(true);
    expect(await recover(cluster, 1, { survivors: [0, 1, 2] })).to.have.property("kind", "recovered");
    expect([0, 1, 2].map((n) => numberOf(cluster, n))).to.deep.equal([
      [1, 3, 3],
      [1, 3, 3],
      [1, 3, 3],
    ]);
    expect([0, 1, 2].map((n) => cluster.keeper(n).mayAcknowledge())).to.deep.equal([true, true, true]);
  });

  it("is not accepted from a survivor that has missed an epoch", async () => {
    const cluster = await lostMajority();
    cluster.restartAll();
    const cut = cluster.ids[1];
    cluster.faults = ({ node, to }) => (node === cut || to === cut ? "lose_question" : undefined);
    const leave = {
      changeId: "c",
      epoch: 2,
      type: "leave",
      joining: [],
      leaving: [cluster.ids[4]!],
    } as const;
    expect(await cluster.governance(0).submit(leave)).to.have.property("kind", "decided");
    cluster.faults = () => undefined;
    for (const n of [2, 3, 4]) cluster.crash(cluster.ids[n]!);
    expect(await recover(cluster, 1)).to.have.property("kind", "undecided");
    expect(numberOf(cluster, 1)[0]).to.equal(0);
    expect(await recover(cluster, 0, { epoch: 3 })).to.have.property("kind", "recovered");
    expect([numberOf(cluster, 0), numberOf(cluster, 1)]).to.deep.equal([
      [2, 4, 2],
      [2, 4, 2],
    ]);
  });

  it("serves nothing before all have accepted, and goes above what was accepted and given up", async () => {
    const cluster = await lostMajority();
    cluster.faults = ({ to }) => (to === cluster.ids[1] ? "lose_question" : undefined);
    expect(await recover(cluster, 0)).to.have.property("kind", "undecided");
    expect(numberOf(cluster, 0)).to.deep.equal([0, 2, 5]);
    cluster.crash(cluster.ids[0]!);
    cluster.faults = () => undefined;
    cluster.restartAll();
    for (const n of [2, 3, 4]) cluster.crash(cluster.ids[n]!);
    expect(
      await recover(cluster, 1, { survivors: [1] }),
      "without the one that has accepted",
    ).to.have.property("kind", "recovered");
    expect(numberOf(cluster, 1)).to.deep.equal([1, 3, 1]);
    const other = await lostMajority();
    other.faults = ({ to }) => (to === other.ids[1] ? "lose_question" : undefined);
    await recover(other, 0);
    other.faults = () => undefined;
    other.restartAll();
    other.crash(other.ids[3]!);
    other.crash(other.ids[4]!);
    other.crash(other.ids[1]!);
    expect(await recover(other, 2, { survivors: [0, 2] }), "with it").to.have.property("kind", "recovered");
    expect([numberOf(other, 0), numberOf(other, 2)]).to.deep.equal([
      [2, 3, 2],
      [2, 3, 2],
    ]);
  });

  it("is completed by the same request wherever the proposer died, with one ring a number", async function () {
    this.timeout(60_000);
    for (let fatal = 0; fatal < 24; fatal++) {
      const cluster = await lostMajority();
      const from = cluster.steps;
      cluster.faults = ({ number, kind, node }) => {
        if (number !== from + (fatal >> 1) || node !== cluster.ids[0]) return undefined;
        if (kind === "save") return fatal % 2 === 0 ? "crash_before" : "crash_after";
        cluster.crash(node);
        return "lose_question";
      };
      await recover(cluster, 0);
      cluster.faults = () => undefined;
      cluster.restartAll();
      for (const n of [2, 3, 4]) cluster.crash(cluster.ids[n]!);
      expect(await recover(cluster, 0), `step ${fatal}`).to.have.property("kind", "recovered");
      expect(cluster.keeper(0).hash()).to.equal(cluster.keeper(1).hash());
      expect(numberOf(cluster, 0)).to.deep.equal([1, 3, 2]);
      expect(cluster.events.map(({ event }) => event.kind)).to.not.include("ring_conflict");
    }
  });
});
