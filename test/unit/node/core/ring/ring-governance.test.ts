import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { ChangeOutcome, SubmittedChange } from "../../../../../node/core/ring/change/ring-changes.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { departedOf } from "../../../../../node/core/ring/change/departed.ts";
import { DEPARTED_AWAY_MS_MAX, drain, KeeperCluster } from "./keeper-cluster.ts";

/** A formed cluster of the first `members` of `count` nodes, raised to format 2, that the others have met. */
async function raisedCluster(count: number, members = count): Promise<KeeperCluster> {
  const cluster = new KeeperCluster(count);
  await cluster.form(0, cluster.request(cluster.ids.slice(0, members).map((_, n) => n)));
  await cluster.keepUp();
  await cluster.connectAll();
  return cluster;
}

function change(
  cluster: KeeperCluster,
  {
    join = [],
    leave = [],
    changeId = "c1",
    epoch = 2,
  }: { join?: number[]; leave?: number[]; changeId?: string; epoch?: number },
): SubmittedChange {
  const named = (ns: number[]): NodeId[] => ns.map((n) => cluster.ids[n]!);
  const type = join.length === 0 ? "leave" : leave.length === 0 ? "join" : "replace";
  return { changeId, epoch, type, joining: named(join), leaving: named(leave) };
}

const epochs = (cluster: KeeperCluster): (number | undefined)[] =>
  cluster.ids.map((_, n) => (cluster.isAlive(n) ? cluster.keeper(n).current()?.epoch : undefined));
const codeOf = (outcome: ChangeOutcome): string => (outcome.kind === "refused" ? outcome.code : outcome.kind);

function loseStore(cluster: KeeperCluster, n: number): void {
  cluster.crash(cluster.ids[n]!);
  cluster.disk(n).bytes = undefined;
  cluster.restartAll();
}

/** Waits for both. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  const value = await promise;
  await drain();
  return value;
}

describe("ring governance", () => {
  describe("the raise to format 2", () => {
    it("is proposed by the first member once all of them can read it, and lists their ring stores", async () => {
      const cluster = new KeeperCluster(3);
      await cluster.form(0, cluster.request([0, 1, 2]));
      expect(epochs(cluster)).to.deep.equal([1, 1, 1]);
      await cluster.governance(1).keepUp();
      expect(epochs(cluster), "not by the second one").to.deep.equal([1, 1, 1]);
      await settled(cluster.governance(0).keepUp());
      expect(epochs(cluster)).to.deep.equal([2, 2, 2]);
      const { members } = cluster.keeper(2).current()! as Extract<Ring, { format: 2 }>;
      expect(members.map(({ ringStore }) => ringStore)).to.deep.equal(
        cluster.ids.map((_, n) => cluster.keeper(n).ringStore()),
      );
      await cluster.keepUp();
      expect(epochs(cluster), "once").to.deep.equal([2, 2, 2]);
    });

    it("waits for a member that is down, and for one whose release cannot read it", async () => {
      const cluster = new KeeperCluster(3);
      await cluster.form(0, cluster.request([0, 1, 2]));
      cluster.crash(cluster.ids[2]!);
      await cluster.keepUp();
      expect(epochs(cluster)).to.deep.equal([1, 1, undefined]);
      cluster.restartAll();
      cluster.features.set(cluster.ids[2]!, []);
      await cluster.keepUp();
      expect(epochs(cluster)).to.deep.equal([1, 1, 1]);
      cluster.features.delete(cluster.ids[2]!);
      await cluster.keepUp();
      expect(epochs(cluster)).to.deep.equal([2, 2, 2]);
    });
  });

  describe("a step that is due", () => {
    it("is proposed by another member where the first one has learnt the formed ring from a peer", async () => {
      const cluster = new KeeperCluster(3);
      await cluster.form(0, cluster.request([0, 1, 2]));
      loseStore(cluster, 0);
      await cluster.connectAll();
      expect([epochs(cluster), cluster.adoptions]).to.deep.equal([[1, 1, 1], [cluster.ids[0]]]);
      for (let look = 0; look < 30; look++) await cluster.keepUp();
      expect(epochs(cluster)).to.deep.equal([2, 2, 2]);
    });
  });

  describe("a change", () => {
    it("is begun with what the joining node says of itself, and it serves at once, with nothing lost", async () => {
      const cluster = await raisedCluster(4, 3);
      const store = cluster.keeper(3).ringStore();
      expect(store).to.match(/^[0-9a-f]{16}$/);
      const outcome = await settled(cluster.governance(1).submit(change(cluster, { join: [3] })));
      expect(outcome).to.deep.equal({
        kind: "decided",
        decided: { generation: 0, epoch: 3, hash: cluster.keeper(0).hash() },
      });
      expect(new Set(cluster.hashes()).size).to.equal(1);
      expect([cluster.keeper(3).standing(), cluster.keeper(3).ringStore()]).to.deep.equal(["joining", store]);
      expect(cluster.adoptions, "no sign of a lost ring").to.deep.equal([]);
    });

    it("is no second one when it is sent again, and cancelled it is over", async () => {
      const cluster = await raisedCluster(4, 3);
      const join = change(cluster, { join: [3] });
      const first = await settled(cluster.governance(0).submit(join));
      expect(await settled(cluster.governance(2).submit(join))).to.deep.equal(first);
      expect(codeOf(await settled(cluster.governance(1).cancel("other")))).to.equal("other_change");
      expect(codeOf(await settled(cluster.governance(1).cancel("c1")))).to.equal("decided");
      expect(epochs(cluster), "who is no member by it is told too").to.deep.equal([4, 4, 4, 4]);
      expect([cluster.keeper(3).standing(), cluster.keeper(3).isMember()]).to.deep.equal(["left", false]);
      expect(
        cluster.keeper(3).mayAcknowledge(),
        "nor does a write that it coordinates count its copy",
      ).to.equal(false);
      expect(codeOf(await settled(cluster.governance(0).submit(join)))).to.equal("epoch_passed");
      expect(codeOf(await settled(cluster.governance(1).cancel("c1")))).to.equal("no_change");
      const again = change(cluster, { join: [3], changeId: "c2", epoch: 4 });
      expect(codeOf(await settled(cluster.governance(0).submit(again)))).to.equal("decided");
      expect(cluster.keeper(3).standing()).to.equal("joining");
    });

    it("is refused where the ring is another one, busy, or in format 1, or a node cannot join", async () => {
      const cluster = await raisedCluster(5, 3);
      const submit = async (asked: SubmittedChange): Promise<string> =>
        codeOf(await settled(cluster.governance(0).submit(asked)));
      expect(await submit(change(cluster, { join: [3], epoch: 1 }))).to.equal("epoch_passed");
      expect(await submit(change(cluster, { leave: [1] }))).to.equal("too_few_members");
      cluster.features.set(cluster.ids[3]!, []);
      expect(await submit(change(cluster, { join: [3] }))).to.equal("not_joinable");
      cluster.features.delete(cluster.ids[3]!);
      cluster.crash(cluster.ids[3]!);
      expect(await submit(change(cluster, { join: [3] }))).to.equal("not_joinable");
      cluster.restartAll();
      expect(await submit(change(cluster, { join: [3] }))).to.equal("decided");
      expect(await submit(change(cluster, { join: [4], changeId: "c2", epoch: 3 }))).to.equal(
        "change_under_way",
      );
      expect(codeOf(await cluster.governance(4).submit(change(cluster, { join: [4] })))).to.equal("no_ring");
      const formed = new KeeperCluster(4);
      await formed.form(0, formed.request([0, 1, 2]));
      const early = change(formed, { join: [3], epoch: 1 });
      expect(codeOf(await formed.governance(0).submit(early))).to.equal("not_joinable");
      expect(await formed.governance(0).propose({ kind: "cancel", changeId: "c1" })).to.include({
        kind: "no_step",
        code: "feature_level",
      });
    });

    it("takes in no node with copies from before that no seal round asked it about", async () => {
      const cluster = await raisedCluster(5, 4);
      const { ids } = cluster;
      const submit = async (asked: SubmittedChange): Promise<string> =>
        codeOf(await settled(cluster.governance(0).submit(asked)));
      cluster.keepCopies.add(ids[4]!);
      const refused = await settled(cluster.governance(0).submit(change(cluster, { join: [4] })));
      expect(codeOf(refused), "a spare on an old volume").to.equal("not_joinable");
      expect(refused, "which sets nothing aside by itself")
        .to.have.property("message")
        .that.contains("move data.db");
      cluster.keepCopies.clear();
      // Node 3 is removed while it is down, and away for too long.
      const dead = ids[3]!;
      cluster.keepCopies.add(dead);
      cluster.crash(dead);
      expect(await submit(change(cluster, { leave: [3] }))).to.equal("decided");
      for (const kind of ["flip", "end"] as const)
        await settled(cluster.governance(0).propose({ kind, changeId: "c1" }));
      await cluster.keepUp();
      expect(departedOf(cluster.keeper(0).current())).to.deep.equal([dead]);
      cluster.awayMs = DEPARTED_AWAY_MS_MAX;
      await cluster.keepUp();
      expect(departedOf(cluster.keeper(0).current())).to.deep.equal([]);
      const { epoch } = cluster.keeper(0).current()!;
      cluster.restartAll();
      const again = change(cluster, { join: [3], changeId: "c2", epoch });
      expect(await submit(again), "it serves the ring of before").to.equal("not_joinable");
      await cluster.connectAll();
      expect(await submit(again), "it has copies").to.equal("not_joinable");
      cluster.keepCopies.delete(dead);
      expect(await submit(again)).to.equal("decided");
    });

    it("takes back a node that has just left, with what it keeps", async () => {
      const cluster = await raisedCluster(4);
      const submit = async (asked: SubmittedChange): Promise<string> =>
        codeOf(await settled(cluster.governance(0).submit(asked)));
      cluster.keepCopies.add(cluster.ids[3]!);
      expect(await submit(change(cluster, { leave: [3] }))).to.equal("decided");
      for (const kind of ["flip", "end"] as const)
        await settled(cluster.governance(0).propose({ kind, changeId: "c1" }));
      await cluster.connectAll();
      await cluster.keepUp();
      const { epoch } = cluster.keeper(0).current()!;
      expect(await submit(change(cluster, { join: [3], changeId: "c2", epoch }))).to.equal("decided");
      expect(departedOf(cluster.keeper(0).current())).to.deep.equal([]);
    });

    it("is one of two that are asked for at once; the other is told so", async () => {
      const cluster = await raisedCluster(5, 3);
      const outcomes = await Promise.all([
        cluster.governance(0).submit(change(cluster, { join: [3], changeId: "one" })),
        cluster.governance(2).submit(change(cluster, { join: [4], changeId: "two" })),
      ]);
      await drain();
      expect(outcomes.map(codeOf).sort()).to.deep.equal(["decided", "overtaken"]);
      await cluster.connectAll();
      const won = codeOf(outcomes[0]) === "decided" ? "one" : "two";
      for (const n of [0, 1, 2]) expect(cluster.keeper(n).current()!.change!.changeId).to.equal(won);
    });

    it("is not decided on the smaller side of a netsplit, and on the greater one it is", async () => {
      const cluster = await raisedCluster(5, 3);
      const [a, , c, , e] = cluster.ids;
      const isCut = (id: NodeId | undefined): boolean => id === c || id === e;
      cluster.faults = ({ kind, node, to }) =>
        kind === "message" && isCut(node) !== isCut(to) ? "lose_question" : undefined;
      const [small, great] = await Promise.all([
        cluster.governance(2).submit(change(cluster, { join: [4], changeId: "small" })),
        cluster.governance(0).submit(change(cluster, { join: [3], changeId: "great" })),
      ]);
      expect(small, "nobody was asked to vote for it").to.include({ kind: "undecided", mayFollow: false });
      expect(codeOf(great)).to.equal("decided");
      expect(cluster.keeper(2).current()!.epoch).to.equal(2);
      cluster.faults = () => undefined;
      await cluster.connectAll();
      expect(cluster.hashes()[2]).to.equal(cluster.hashes()[cluster.ids.indexOf(a!)]);
    });

    it("is decided by the rest where the proposer dies at any step, and is never two", async function () {
      this.timeout(60_000);
      const seen = new Set<string>();
      for (let fatal = 0; ; fatal++) {
        const cluster = await raisedCluster(5, 3);
        const from = cluster.steps;
        const fault = fatal % 2 === 0 ? "crash_before" : "crash_after";
        let isOver = false;
        cluster.faults = ({ number, kind, node }) => {
          if (number !== from + (fatal >> 1) || node !== cluster.ids[0]) return undefined;
          if (kind === "save") return fault;
          cluster.crash(node);
          return "lose_question";
        };
        void cluster
          .governance(0)
          .submit(change(cluster, { join: [3], changeId: "first" }))
          .then(() => (isOver = true));
        await drain();
        cluster.faults = () => undefined;
        cluster.restartAll();
        await cluster.connectAll();
        const other = change(cluster, { join: [4], changeId: "second" });
        const outcome = codeOf(await settled(cluster.governance(1).submit(other)));
        await cluster.connectAll();
        const decided = cluster.keeper(1).current()!;
        expect(outcome, `step ${fatal}`).to.be.oneOf(["decided", "overtaken", "change_under_way"]);
        expect(decided.epoch).to.equal(3);
        expect(new Set([0, 1, 2].map((n) => cluster.hashes()[n])).size).to.equal(1);
        expect(cluster.events.map(({ event }) => event.kind)).to.not.include("ring_conflict");
        seen.add(decided.change!.changeId);
        if (isOver && cluster.steps > 0 && fatal > 60) break;
      }
      expect([...seen].sort()).to.deep.equal(["first", "second"]);
    });
  });

  describe("a lost ring store", () => {
    it("neither votes nor proposes until the others have admitted the new one", async () => {
      const cluster = await raisedCluster(3);
      cluster.crash(cluster.ids[2]!);
      cluster.disk(2).bytes = undefined;
      cluster.restartAll();
      await cluster.connectAll();
      expect(cluster.adoptions).to.deep.equal([cluster.ids[2]]);
      expect(cluster.keeper(2).current()!.epoch).to.equal(2);
      expect(cluster.keeper(2).mayAcknowledge()).to.equal(false);
      const leave = change(cluster, { leave: [1] });
      expect(await cluster.governance(2).propose({ kind: "cancel", changeId: "x" })).to.have.property(
        "kind",
        "no_step",
      );
      const ringStore = cluster.keeper(2).ringStore()!;
      const admit = { kind: "admit", node: cluster.ids[2]!, ringStore } as const;
      expect(await cluster.governance(2).propose(admit), "it may have used its ballots").to.include({
        kind: "unable",
      });
      cluster.crash(cluster.ids[1]!);
      expect(await cluster.governance(0).propose(admit), "it has no vote").to.include({ kind: "undecided" });
      cluster.restartAll();
      await cluster.keepUp();
      await cluster.connectAll();
      expect(epochs(cluster)).to.deep.equal([3, 3, 3]);
      expect(cluster.keeper(2).mayAcknowledge()).to.equal(true);
      cluster.crash(cluster.ids[1]!);
      expect(await settled(cluster.governance(2).propose(admit)), "listed").to.include({
        code: "nothing_to_admit",
      });
      expect(leave.leaving).to.have.lengthOf(1);
    });
  });

  describe("a spare", () => {
    it("keeps its ring store over a restart, and is listed with it", async () => {
      const cluster = await raisedCluster(4, 3);
      const store = cluster.keeper(3).ringStore();
      cluster.crash(cluster.ids[3]!);
      cluster.restartAll();
      expect([cluster.keeper(3).ringStore(), cluster.keeper(3).standing()]).to.deep.equal([store, "none"]);
      cluster.faults = ({ to }) => (to === cluster.ids[3] ? "lose_question" : undefined);
      await settled(cluster.governance(0).submit(change(cluster, { join: [3] })));
      cluster.crash(cluster.ids[3]!);
      cluster.faults = () => undefined;
      cluster.restartAll();
      await cluster.connectAll();
      expect(cluster.keeper(3).standing()).to.equal("joining");
      expect(cluster.adoptions).to.deep.equal([]);
    });

    it("that loses it after it was made a member has lost a ring", async () => {
      const cluster = await raisedCluster(4, 3);
      await settled(cluster.governance(0).submit(change(cluster, { join: [3] })));
      cluster.crash(cluster.ids[3]!);
      cluster.disk(3).bytes = undefined;
      cluster.restartAll();
      await cluster.connectAll();
      expect(cluster.adoptions).to.deep.equal([cluster.ids[3]]);
    });

    it("that drew one beside a ring of before it was a member has lost a ring all the same", async () => {
      const cluster = await raisedCluster(4, 3);
      cluster.faults = ({ node, to }) =>
        node === cluster.ids[2] || to === cluster.ids[2] ? "lose_question" : undefined;
      await settled(cluster.governance(0).submit(change(cluster, { join: [3] })));
      const listed = cluster.keeper(3).ringStore();
      cluster.crash(cluster.ids[3]!);
      cluster.disk(3).bytes = undefined;
      cluster.restartAll();
      cluster.faults = () => undefined;
      cluster.keeper(3).peerConnected(cluster.ids[2]!);
      await drain();
      expect(cluster.keeper(2).current()!.epoch, "who is behind").to.equal(2);
      expect(cluster.keeper(3).ringStore())
        .to.match(/^[0-9a-f]{16}$/)
        .and.not.equal(listed);
      cluster.keeper(3).peerConnected(cluster.ids[0]!);
      await drain();
      expect(cluster.keeper(3).standing()).to.equal("joining");
      expect(cluster.adoptions).to.deep.equal([cluster.ids[3]]);
    });

    it("does not take part in a first ring of its own, and draws no store beside a ring that cannot change", async () => {
      const cluster = new KeeperCluster(4);
      await cluster.form(0, cluster.request([0, 1, 2]));
      await cluster.connectAll();
      expect(cluster.keeper(3).ringStore()).to.equal(undefined);
      expect(cluster.disk(3).bytes).to.equal(undefined);
      expect(await cluster.form(3, cluster.request([3]))).to.include({ ok: false, code: "ring_exists" });
    });
  });
});
