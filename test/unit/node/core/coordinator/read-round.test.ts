import { expect } from "chai";
import { decodeOutcome, encodeForwarded } from "../../../../../node/core/coordinator/forwarding.ts";
import type { ReplicaRead } from "../../../../../node/core/ports/replica-store.ts";
import { member, membersOf } from "../ring/made-ring.ts";
import { CART, CoordinatorRig, type SentRequest, shownCopy } from "./coordinator-rig.ts";

function wantOf({ request }: SentRequest): "record" | "digest" {
  if (request.kind !== "read") throw new Error(`a ${request.kind} request`);
  return request.body.want;
}

describe("read round", () => {
  it("asks one replica for the record, the others for a digest, and fetches the record that differs", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const get = rig.get();
    const [digest] = await rig.sent();
    expect([digest!.to, wantOf(digest!)]).to.deep.equal([rig.node(1), "digest"]);
    await rig.show(digest!, shownCopy({ text: "v" }, "digest"));
    const [record] = await rig.sent();
    expect([record!.to, wantOf(record!)]).to.deep.equal([rig.node(1), "record"]);
    await rig.show(record!, shownCopy({ text: "v" }, "record"));
    const outcome = await get;
    expect(outcome.kind === "read" && outcome.siblings.length).to.equal(1);
  });

  it("looks at nobody but the owners of the key where they are there and answer", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(50) });
    const lookedAt = new Set<string>();
    const isUnreachable = rig.unreachable.has.bind(rig.unreachable);
    rig.unreachable.has = (node) => {
      lookedAt.add(node);
      return isUnreachable(node);
    };
    const get = rig.get();
    const [digest] = await rig.sent();
    await rig.show(digest!, { status: "not_found" });
    expect(await get).to.include({ kind: "read", ownersAnswered: 2 });
    expect([...lookedAt]).to.have.members([rig.node(1), rig.node(2)]);
  });

  it("asks the stand-ins that a write with the same nodes in reach would use", async () => {
    // Two zones lose their owner; the first fallbacks of the walk are of the third one.
    const zones = ["a", "b", "c", "a", "a", "b", "c"];
    const rig = new CoordinatorRig({ at: 0, members: zones.map((zone, n) => member(n, zone)) });
    rig.unreachable.add(rig.node(1)).add(rig.node(2));
    void rig.put("v");
    const written = (await rig.sent()).map(({ to }) => to);
    void rig.get({ r: 3 });
    const read = (await rig.sent()).map(({ to }) => to);
    expect(written).to.not.deep.equal([rig.node(3), rig.node(4)]);
    expect(read).to.deep.equal(written);
  });

  it("answers as soon as the silent owners are believed down, not at the deadline", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.ownRead = async ({ want }) => shownCopy({ text: "v" }, want);
    const get = rig.get();
    const asked: SentRequest[] = [];
    for (let ms = 0; ms < 300; ms += 50) {
      await rig.advance(50);
      for (const query of await rig.sent()) {
        asked.push(query);
        if (query.to === rig.node(3)) await rig.show(query, { status: "not_found" });
      }
    }
    expect(asked.map(({ to }) => to)).to.include(rig.node(3));
    rig.unreachable.add(rig.node(1)).add(rig.node(2));
    await rig.advance(25);
    expect(await get).to.include({ kind: "read", ownersAnswered: 1 });
    expect(rig.nowMs).to.be.below(400);
  });

  it("answers at the deadline where this node's own disk shows a digest and then no record", async () => {
    const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
    for (const i of [1, 2, 3]) rig.unreachable.add(rig.node(i));
    const own = shownCopy({ text: "own" }, "digest");
    rig.ownRead = ({ want }) => (want === "digest" ? Promise.resolve(own) : new Promise(() => undefined));
    const options = { r: 2, w: undefined, pr: undefined, pw: undefined, timeoutMs: 500 };
    const request = { ...CART, requestId: "get", options };
    let outcome: unknown = "still waiting";
    const forwarded = encodeForwarded({ operation: "get", request }, { sentAtMs: 0, beginWithinMs: 40 });
    void rig.accept(rig.node(0), forwarded).then((body) => {
      outcome = decodeOutcome(body);
    });
    const [first] = await rig.sent();
    await rig.show(first!, shownCopy({ text: "other" }, "record"));
    await rig.advance(600);
    await rig.sent();
    expect(outcome).to.include({ kind: "failed", code: "quorum_unreachable" });
  });

  it("asks another replica where one is recovering, and shows what the recovering one has all the same", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const onlyHere = { text: "only here", actor: "00000000000000cc" };
    rig.ownRead = async ({ want }) => shownCopy({ text: "everywhere" }, want);
    const get = rig.get();
    const [digest] = await rig.sent();
    await rig.show(digest!, { ...recovering(shownCopy(onlyHere, "digest")) });
    const next = await rig.sent();
    expect(next.map(({ to }) => to)).to.deep.equal([rig.node(2)]);
    await rig.show(next[0]!, shownCopy({ text: "everywhere" }, "digest"));
    const [record] = await rig.sent();
    expect([record!.to, wantOf(record!)]).to.deep.equal([rig.node(1), "record"]);
    await rig.show(record!, recovering(shownCopy(onlyHere, "record")));
    const outcome = await get;
    expect(outcome.kind === "read" && outcome.siblings.length).to.equal(2);
    expect(outcome).to.include({ ownersAnswered: 2, ownersTotal: 3 });
  });

  it("does not say not found because owners that lost their data know nothing", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(3) });
    rig.ownRead = async () => recovering({ status: "not_found" });
    let answered = false;
    const get = rig.get({ r: 1 });
    void get.then(() => (answered = true));
    const [first] = await rig.sent();
    await rig.show(first!, recovering({ status: "not_found" }));
    const [second] = await rig.sent();
    expect(answered).to.equal(false);
    await rig.show(second!, shownCopy({ text: "v" }, wantOf(second!)));
    const [record] = await rig.sent();
    if (record !== undefined) await rig.show(record, shownCopy({ text: "v" }, "record"));
    expect(await get).to.include({ kind: "read", ownersAnswered: 1 });
  });

  it("never says not found while one owner of three lives and has the key, whoever answers first", async () => {
    for (const order of [
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
    ]) {
      // Two owners are dead; this node is neither, and the stand-ins never heard of the key.
      const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
      rig.unreachable.add(rig.node(0)).add(rig.node(1));
      const options = { r: 2, w: undefined, pr: undefined, pw: undefined, timeoutMs: 1_000 };
      const request = { ...CART, requestId: "get", options };
      const forwarded = encodeForwarded({ operation: "get", request }, { sentAtMs: 0, beginWithinMs: 40 });
      const outcome = rig.accept(rig.node(3), forwarded);
      for (let round = 0; round < 4; round++) {
        const sent = await rig.sent();
        for (const i of order) {
          const query = sent[i];
          if (query === undefined) continue;
          const copy = shownCopy({ text: "v" }, wantOf(query));
          await rig.show(query, query.to === rig.node(2) ? copy : { status: "not_found" });
        }
        await rig.advance(25);
      }
      const read = decodeOutcome(await outcome);
      expect(read.kind === "read" && read.siblings.length, `order ${order.join(" ")}`).to.equal(1);
    }
  });

  it("does not say not found for a key whose one living owner could not be asked, or has it damaged", async () => {
    for (const trouble of ["full", "corrupt"]) {
      const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
      rig.unreachable.add(rig.node(0)).add(rig.node(1));
      if (trouble === "full") rig.full.add(rig.node(2));
      const options = { r: 2, w: undefined, pr: undefined, pw: undefined, timeoutMs: 1_000 };
      const request = { ...CART, requestId: "get", options };
      const forwarded = encodeForwarded({ operation: "get", request }, { sentAtMs: 0, beginWithinMs: 40 });
      const outcome = rig.accept(rig.node(3), forwarded);
      for (let round = 0; round < 4; round++) {
        for (const query of await rig.sent())
          await rig.show(query, { status: query.to === rig.node(2) ? "corrupt" : "not_found" });
        await rig.advance(25);
      }
      await rig.advance(1_000);
      expect(decodeOutcome(await outcome), trouble).to.include({
        kind: "failed",
        code: "quorum_unreachable",
      });
    }
  });
});

function recovering(read: ReplicaRead): ReplicaRead {
  if (read.status !== "found" && read.status !== "not_found") throw new Error(read.status);
  return { ...read, recovering: true };
}
