import { expect } from "chai";
import fc from "fast-check";
import { drain, type Fault, KeeperCluster } from "./keeper-cluster.ts";

const FAULTS: readonly Fault[] = ["lose_question", "lose_answer", "crash_before", "crash_after"];
const OF_KIND: Record<"message" | "save", readonly Fault[]> = {
  message: ["lose_question", "lose_answer"],
  save: ["crash_before", "crash_after"],
};

describe("ring formation", () => {
  it("gives every member the same ring, of epoch 1", async () => {
    const cluster = new KeeperCluster(3);
    const outcome = await cluster.form(1, cluster.request([0, 1, 2]));
    expect(outcome).to.include({ ok: true }).and.have.property("unconfirmed").that.deep.equals([]);
    expect(new Set(cluster.hashes()).size).to.equal(1);
    expect(cluster.states()).to.deep.equal(["serving", "serving", "serving"]);
    expect(cluster.keeper(0).current()).to.deep.include({
      clusterId: "test",
      epoch: 1,
      generation: 0,
      featureLevel: 1,
    });
    expect(cluster.keeper(2).kept()).to.have.nested.property("ballots.store.adopted", false);
  });

  it("forms a ring of one node", async () => {
    const cluster = new KeeperCluster(1);
    expect(await cluster.form(0, cluster.request([0]))).to.include({ ok: true });
    expect(cluster.keeper(0).preferenceList(7).owners).to.deep.equal([cluster.ids[0]]);
  });

  it("answers the same when asked again, by any member and with the members in another order", async () => {
    const cluster = new KeeperCluster(3);
    const first = await cluster.form(0, cluster.request([0, 1, 2]));
    for (const [n, order] of [
      [0, [2, 1, 0]],
      [2, [1, 0, 2]],
    ] as const) {
      const again = await cluster.form(n, cluster.request(order));
      expect(again).to.deep.equal(first);
    }
    expect(cluster.served.size).to.equal(1);
  });

  it("answers with the ring as it is where that was raised since, and refuses any other", async () => {
    const cluster = new KeeperCluster(4);
    await cluster.form(0, cluster.request([0, 1, 2]));
    await cluster.keepUp();
    const ring = cluster.keeper(0).current()!;
    expect([ring.format, ring.epoch]).to.deep.equal([2, 2]);
    const again = await cluster.form(1, cluster.request([2, 0, 1]));
    expect(again).to.deep.equal({ ok: true, ring, digest: cluster.keeper(0).hash(), unconfirmed: [] });
    const two = { ...cluster.request([0, 1, 2]).parameters, replicas: 2 };
    for (const other of [
      cluster.request([0, 1]),
      cluster.request([0, 1, 2], "other"),
      { ...cluster.request([0, 1, 2]), parameters: two },
    ])
      expect(await cluster.form(0, other)).to.include({ ok: false, code: "ring_exists" });
  });

  it("serves from the disk after a restart", async () => {
    const cluster = new KeeperCluster(3);
    await cluster.form(0, cluster.request([0, 1, 2]));
    const before = cluster.hashes();
    for (const id of cluster.ids) cluster.crash(id);
    cluster.restartAll();
    expect(cluster.hashes()).to.deep.equal(before);
  });

  describe("completes with the same request after one fault at any step", () => {
    for (const kind of ["message", "save"] as const) {
      for (const fault of OF_KIND[kind]) {
        it(`${fault.replace("_", " ")} of each ${kind}`, async () => {
          const quiet = new KeeperCluster(3);
          await quiet.form(0, quiet.request([0, 1, 2]));
          expect(quiet.steps).to.be.above(12);
          for (let at = 0; at < quiet.steps; at++) {
            const cluster = new KeeperCluster(3);
            cluster.faults = (step) => (step.number === at && step.kind === kind ? fault : undefined);
            await cluster.form(0, cluster.request([0, 1, 2]));
            cluster.faults = () => undefined;
            cluster.restartAll();
            const proposer = at % 3;
            const repeated = await cluster.form(proposer, cluster.request([0, 1, 2]));
            expect(repeated, `step ${at}`).to.include({ ok: true });
            expect(cluster.states(), `step ${at}`).to.deep.equal(["serving", "serving", "serving"]);
            expect(cluster.served.size, `step ${at}`).to.equal(1);
          }
        });
      }
    }
  });

  it("never serves before every member has accepted on disk", async () => {
    for (let at = 0; at < 20; at++) {
      const cluster = new KeeperCluster(3);
      cluster.faults = (step) => {
        for (const n of [0, 1, 2]) {
          if (cluster.served.size > 0)
            expect(cluster.disk(n).bytes, `step ${step.number}`).to.not.equal(undefined);
        }
        return step.number === at ? (step.kind === "save" ? "crash_before" : "lose_question") : undefined;
      };
      await cluster.form(0, cluster.request([0, 1, 2]));
      const accepted = [0, 1, 2].filter((n) => cluster.disk(n).bytes !== undefined).length;
      if (accepted < 3) expect(cluster.served.size, `step ${at}`).to.equal(0);
    }
  });

  it("serves one ring at most under any losses, crashes, restarts and rival requests that share a member", async () => {
    const requests = [
      [0, 1, 2],
      [0, 1, 2, 3],
      [1, 2, 4],
      [2, 3, 4],
    ];
    const operation = fc.oneof(
      fc.record({ do: fc.constant("form" as const), at: fc.nat(4), request: fc.nat(3) }),
      fc.record({ do: fc.constant("crash" as const), at: fc.nat(4) }),
      fc.record({ do: fc.constant("restart" as const) }),
      fc.record({ do: fc.constant("connect" as const), at: fc.nat(4), to: fc.nat(4) }),
      fc.record({ do: fc.constant("wait" as const), ticks: fc.integer({ min: 1, max: 12 }) }),
    );
    const fate = fc.oneof(
      { weight: 12, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom(...FAULTS) },
    );
    const losses = fc.array(fate, { minLength: 40, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 3, maxLength: 20 }),
        losses,
        async (operations, faults) => {
          const cluster = new KeeperCluster(5);
          cluster.faults = ({ number, kind }) => {
            const fault = faults[number % faults.length];
            return fault !== undefined && OF_KIND[kind].includes(fault) ? fault : undefined;
          };
          for (const op of operations) {
            if (op.do === "restart") cluster.restartAll();
            else if (op.do === "wait") await drain(op.ticks);
            else if (!cluster.isAlive(op.at)) continue;
            else if (op.do === "crash") cluster.crash(cluster.ids[op.at]!);
            else if (op.do === "connect") cluster.keeper(op.at).peerConnected(cluster.ids[op.to]!);
            else void cluster.keeper(op.at).form(cluster.request(requests[op.request]!), 1_000);
            expect(cluster.served.size).to.be.at.most(1);
          }
          await drain();
          cluster.faults = () => undefined;
          cluster.restartAll();
          await cluster.connectAll();
          expect(cluster.served.size).to.be.at.most(1);
          const ring = cluster.ids
            .map((_, n) => cluster.keeper(n).current())
            .find((served) => served !== undefined);
          for (const { id } of ring?.members ?? []) {
            expect(cluster.keeper(cluster.ids.indexOf(id)).current(), `member ${id}`).to.deep.equal(ring);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("never forms two rings at once of members that have nobody in common but reach each other", async () => {
    for (let lead = 0; lead < 12; lead++) {
      const cluster = new KeeperCluster(4);
      void cluster.keeper(0).form(cluster.request([0, 1]), 1_000);
      await drain(lead);
      void cluster.keeper(2).form(cluster.request([2, 3]), 1_000);
      await drain();
      expect(cluster.served.size, `lead of ${lead} ticks`).to.be.at.most(1);
    }
  });

  it("never forms two rings at once that share a member, although their proposers cannot reach each other", async () => {
    for (let lead = 0; lead < 12; lead++) {
      const cluster = new KeeperCluster(3);
      const [a, , b] = cluster.ids;
      cluster.faults = ({ node, to }) =>
        (node === a && to === b) || (node === b && to === a) ? "lose_question" : undefined;
      void cluster.keeper(0).form(cluster.request([0, 1]), 1_000);
      await drain(lead);
      void cluster.keeper(2).form(cluster.request([1, 2]), 1_000);
      await drain();
      expect(cluster.served.size, `lead of ${lead} ticks`).to.be.at.most(1);
    }
  });

  describe("refuses, and leaves every node as it was,", () => {
    const refused = async (
      cluster: KeeperCluster,
      at: number,
      members: readonly number[],
      clusterId = "test",
    ) => {
      const before = cluster.states();
      const outcome = await cluster.form(at, cluster.request(members, clusterId));
      expect(cluster.states()).to.deep.equal(before);
      return outcome;
    };

    it("where a listed member does not answer, and names it", async () => {
      const cluster = new KeeperCluster(3);
      cluster.crash(cluster.ids[2]!);
      const outcome = await refused(cluster, 0, [0, 1, 2]);
      expect(outcome).to.include({ ok: false, code: "member_unreachable", member: cluster.ids[2] });
      expect(outcome).to.have.property("message").that.includes("repeat the same request");
    });

    it("where a listed member already serves another ring, and names them", async () => {
      const cluster = new KeeperCluster(4);
      await cluster.form(0, cluster.request([0, 1, 2], "older"));
      const outcome = await refused(cluster, 3, [2, 3]);
      expect(outcome).to.include({ ok: false, code: "ring_exists" });
      expect(outcome).to.have.property("member").that.is.oneOf(cluster.ids.slice(0, 3));
      expect(outcome).to.have.property("message").that.includes("cluster older, epoch 1");
    });

    it("where a peer that is not listed serves a ring", async () => {
      const cluster = new KeeperCluster(3);
      await cluster.form(2, cluster.request([2], "older"));
      expect(await refused(cluster, 0, [0, 1])).to.include({ code: "ring_exists", member: cluster.ids[2] });
    });

    it("where this node serves another ring", async () => {
      const cluster = new KeeperCluster(3);
      await cluster.form(0, cluster.request([0, 1, 2]));
      expect(await refused(cluster, 0, [0, 1])).to.include({ code: "ring_exists", member: cluster.ids[0] });
    });

    it("where a member accepted another proposal, and says how to get out", async () => {
      const cluster = new KeeperCluster(3);
      cluster.faults = (step) =>
        step.node === cluster.ids[2] && step.kind === "save" ? "crash_before" : undefined;
      await cluster.form(0, cluster.request([0, 1, 2]));
      cluster.faults = () => undefined;
      expect(cluster.states()).to.deep.equal(["proposed", "proposed", "down"]);
      const outcome = await refused(cluster, 1, [0, 1]);
      expect(outcome).to.include({ code: "proposal_conflict", member: cluster.ids[1] });
      expect(outcome)
        .to.have.property("message")
        .that.includes(`${cluster.ids.join(", ")}: repeat that request`);
      cluster.restartAll();
      expect(await refused(cluster, 2, [0, 2])).to.include({
        code: "proposal_conflict",
        member: cluster.ids[0],
      });
    });

    it("where the request does not list the node it was sent to", async () => {
      const cluster = new KeeperCluster(3);
      const outcome = await refused(cluster, 0, [1, 2]);
      expect(outcome).to.include({ ok: false, code: "invalid_request", member: cluster.ids[0] });
    });

    it("where a member is in another zone than the request says", async () => {
      const cluster = new KeeperCluster(2, ["a", "b"]);
      const { members, ...rest } = cluster.request([0, 1]);
      const moved = { ...rest, members: members.map((listed) => ({ ...listed, zone: "c" })) };
      const outcome = await cluster.form(0, moved);
      expect(outcome).to.include({ code: "invalid_request" });
      expect(outcome).to.have.property("message").that.includes('in zone "a", the request lists it in "c"');
    });

    it("with bad names, members and parameters, and names the field", async () => {
      const cluster = new KeeperCluster(2);
      const good = cluster.request([0, 1]);
      const cases: [string, typeof good][] = [
        ["clusterId", { ...good, clusterId: "Not A Name" }],
        ["clusterId", { ...good, clusterId: "x".repeat(64) }],
        ["members", { ...good, members: [] }],
        ["members[1].id", { ...good, members: [good.members[0]!, good.members[0]!] }],
        ["parameters.partitions", { ...good, parameters: { ...good.parameters, partitions: 100 } }],
        ["parameters.partitions", { ...good, parameters: { ...good.parameters, partitions: 1e9 } }],
        ["parameters.replicas", { ...good, parameters: { ...good.parameters, replicas: 0 } }],
      ];
      for (const [field, request] of cases) {
        const outcome = await cluster.form(0, request);
        expect(outcome).to.include({ ok: false, code: "invalid_request" });
        expect(outcome).to.have.property("message").that.includes(field);
      }
    });

    it("where the disk refuses the proposal, and a repeat after that succeeds", async () => {
      const cluster = new KeeperCluster(2);
      cluster.disk(1).failure = "ENOSPC: no space left";
      const outcome = await cluster.form(0, cluster.request([0, 1]));
      expect(outcome).to.include({ ok: false, code: "storage_failed", member: cluster.ids[1] });
      expect(outcome).to.have.property("message").that.includes("ENOSPC");
      cluster.disk(1).failure = undefined;
      expect(await cluster.form(1, cluster.request([0, 1]))).to.include({ ok: true });
    });
  });
});
