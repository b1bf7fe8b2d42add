import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { membersOf } from "../ring/made-ring.ts";
import { decodeOutcome, encodeForwarded } from "../../../../../node/core/coordinator/forwarding.ts";
import { positionOf } from "../../../../../node/core/ring/position.ts";
import { CART, CoordinatorRig, hash, type SentRequest } from "./coordinator-rig.ts";

function keptFor({ request }: SentRequest): readonly NodeId[] {
  if (request.kind !== "replicate") throw new Error(`a ${request.kind} request`);
  return request.body.keptFor;
}

describe("replication", () => {
  it("sends the record to the other first N healthy nodes and answers at W durable acks", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const put = rig.put("v");
    const sent = await rig.sent();
    expect(sent.map(({ to }) => to)).to.deep.equal([rig.node(1), rig.node(2)]);
    await rig.ack(sent[0]!);
    expect((await put).kind).to.equal("written");
  });

  it("names the owner in the hint of a stand-in that replaces a silent stand-in", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const put = rig.put("v", { w: 3 });
    const [first, silent] = await rig.sent();
    await rig.ack(first!);
    await rig.advance(25);
    const [standIn] = await rig.sent();
    expect(standIn).to.include({ to: rig.node(3) });
    expect(keptFor(standIn!)).to.deep.equal([silent!.to]);
    await rig.advance(25);
    const [second] = await rig.sent();
    expect(second).to.include({ to: rig.node(4) });
    expect(keptFor(second!), "the owner, not the stand-in that was tried before").to.deep.equal([silent!.to]);
    await rig.ack(second!);
    expect((await put).kind).to.equal("written");
  });

  it("offers a full window the record again, and does not give up while there is time", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(3) });
    rig.full.add(rig.node(1)).add(rig.node(2));
    const put = rig.put("v");
    await rig.advance(100);
    expect(await rig.sent()).to.deep.equal([]);
    rig.full.clear();
    await rig.advance(20);
    const sent = await rig.sent();
    expect(sent.map(({ to }) => to)).to.have.members([rig.node(1), rig.node(2)]);
    await rig.ack(sent[0]!);
    expect((await put).kind).to.equal("written");
  });

  it("gives the record of an owner whose window is full to a stand-in at once", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.full.add(rig.node(1)).add(rig.node(2));
    const put = rig.put("v");
    const sent = await rig.sent();
    expect(sent.map((request) => [request.to, ...keptFor(request)])).to.deep.equal([
      [rig.node(3), rig.node(1)],
      [rig.node(4), rig.node(2)],
    ]);
    await rig.ack(sent[1]!);
    expect((await put).kind).to.equal("written");
  });

  it("tells of a stand-in once it has its copy, and of itself where it is one", async () => {
    const rig = new CoordinatorRig({ at: 3, members: membersOf(5) });
    rig.unreachable.add(rig.node(0)).add(rig.node(1)).add(rig.node(2));
    const told = () =>
      rig.events.flatMap((event) =>
        event.kind === "stand_in_used" ? [[event.standInId, event.ownerId]] : [],
      );
    let sync: (stored: { ok: true }) => void = () => undefined;
    const { ownWrite } = rig;
    rig.ownWrite = (write) => ({ ...ownWrite(write), durable: new Promise((resolve) => (sync = resolve)) });
    const put = rig.put("v");
    const [other] = await rig.sent();
    expect(other).to.include({ to: rig.node(4) });
    expect(told(), "nobody has a copy yet").to.deep.equal([]);
    const ofOther = [rig.node(4), keptFor(other!)[0]];
    await rig.ack(other!);
    expect(told()).to.deep.equal([ofOther]);
    sync({ ok: true });
    expect((await put).kind).to.equal("written");
    const [, own] = told();
    expect(own?.[0]).to.equal(rig.self);
    expect(rig.list.owners).to.include(own?.[1]);
    expect(own?.[1]).to.not.equal(ofOther[1]);
  });

  it("covers another owner with each stand-in where it is a stand-in itself", async () => {
    const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
    const put = rig.accept(rig.node(3), forwardedPut("v"));
    await rig.sent();
    await rig.advance(25);
    const [standIn] = (await rig.sent()).filter((request) => keptFor(request).length > 0);
    // All three owners are silent; this node keeps the copy of the first one.
    expect([standIn!.to, ...keptFor(standIn!)]).to.deep.equal([rig.node(3), rig.node(1)]);
    await rig.ack(standIn!);
    expect(decodeOutcome(await put).kind).to.equal("written");
  });

  it("asks a slow stand-in after the others", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.slow.add(rig.node(3));
    void rig.put("v");
    await rig.sent();
    rig.calls.disconnected(rig.node(1));
    expect((await rig.sent()).map(({ to }) => to)).to.deep.equal([rig.node(4)]);
  });
});

describe("replication, owners that missed a put", () => {
  it("remembers an owner that is known to be down right after the answer, where there is no stand-in", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(3) });
    rig.unreachable.add(rig.node(2));
    const put = rig.put("v");
    const [sent] = await rig.sent();
    expect(rig.ownMarks, "not before the answer").to.deep.equal([]);
    await rig.ack(sent!);
    expect((await put).kind).to.equal("written");
    expect(rig.ownMarks).to.deep.equal([{ position: positionOfCart, owners: [rig.node(2)] }]);
    await rig.advance(5_000);
    expect(rig.ownMarks.length, "once a put").to.equal(1);
  });

  it("remembers an owner that stays silent when the deadline has passed, and none that answers", async () => {
    for (const answers of [true, false]) {
      const rig = new CoordinatorRig({ at: 0, members: membersOf(3) });
      const put = rig.put("v");
      const [first, second] = await rig.sent();
      await rig.ack(first!);
      expect((await put).kind).to.equal("written");
      await rig.advance(1_000);
      expect(rig.ownMarks).to.deep.equal([]);
      if (answers) await rig.ack(second!);
      await rig.advance(2_000);
      await rig.sent();
      const remembered = ownersMarkedAt(rig);
      expect(remembered).to.deep.equal(answers ? [] : [second!.to]);
    }
  });

  it("remembers an owner that is lost after W was reached", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    void rig.put("v");
    const [first, second] = await rig.sent();
    await rig.ack(first!);
    rig.calls.disconnected(second!.to);
    expect(await rig.sent(), "no stand-in is asked after the answer").to.deep.equal([]);
    expect(ownersMarkedAt(rig)).to.deep.equal([second!.to]);
  });

  it("remembers nobody whose copy a stand-in keeps", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.unreachable.add(rig.node(2));
    void rig.put("v");
    for (const request of await rig.sent()) await rig.ack(request);
    await rig.advance(5_000);
    expect(rig.ownMarks).to.deep.equal([]);
  });

  it("remembers the owners that a failed put did not reach: it left a copy here", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(3) });
    rig.unreachable.add(rig.node(1)).add(rig.node(2));
    expect(await rig.put("v")).to.include({ code: "quorum_unreachable", maybeApplied: true });
    await rig.sent();
    expect(ownersMarkedAt(rig)).to.deep.equal([rig.node(1), rig.node(2)]);
  });

  it("puts the owner on its own hint where it is a stand-in", async () => {
    const rig = new CoordinatorRig({ at: 3, members: membersOf(4) });
    rig.unreachable.add(rig.node(0)).add(rig.node(1));
    const put = rig.accept(rig.node(2), forwardedPut("v"));
    for (const request of await rig.sent()) await rig.ack(request);
    expect(decodeOutcome(await put).kind).to.equal("written");
    await rig.sent();
    expect(rig.ownMarks).to.deep.equal([]);
    expect(rig.ownStored.flatMap((record) => record.keptFor)).to.deep.equal([rig.node(1)]);
  });

  it("waits for its own disk, and leaves the owner to anti-entropy where that failed", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(4) });
    rig.unreachable.add(rig.node(2)).add(rig.node(3));
    let fails = (): void => undefined;
    const { ownWrite } = rig;
    rig.ownWrite = (write) => {
      const failed = { ok: false, code: "storage_failed", message: "disk" } as const;
      const durable = new Promise<typeof failed>((resolve) => (fails = () => resolve(failed)));
      return { merged: ownWrite(write).merged, durable };
    };
    const put = rig.put("v", { w: 1 });
    const [sent] = await rig.sent();
    await rig.ack(sent!);
    expect((await put).kind).to.equal("written");
    expect(missedAs(rig)).to.deep.equal([]);
    fails();
    await rig.sent();
    expect(rig.ownMarks).to.deep.equal([]);
    expect(missedAs(rig)).to.deep.equal(["dropped", "dropped"]);
  });

  it("gives a stand-in what its own disk failed to commit, as an owner and as a stand-in", async () => {
    for (const at of [0, 3]) {
      const rig = new CoordinatorRig({ at, members: membersOf(5) });
      if (at === 3) rig.unreachable.add(rig.node(0));
      const works = rig.ownWrite;
      const failed = { ok: false, code: "storage_failed", message: "EIO" } as const;
      rig.ownWrite = (write) => ({ ...works(write), durable: Promise.resolve(failed) });
      const put = rig.accept(rig.node(4), forwardedPut("v", { w: 3 }));
      const sent = await rig.sent();
      const standIn = sent.find(({ to }) => to === rig.node(at === 0 ? 3 : 4));
      expect(keptFor(standIn!), `at ${at}`).to.deep.equal([rig.node(0)]);
      for (const request of sent) await rig.ack(request);
      expect(decodeOutcome(await put).kind).to.equal("written");
    }
  });

  it("remembers all other owners where its own disk takes the write after the deadline", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(3) });
    let takes = (): void => undefined;
    const { ownWrite } = rig;
    rig.ownWrite = (write) => {
      const done = ownWrite(write);
      return { ...done, merged: new Promise((resolve) => (takes = () => resolve(done.merged))) };
    };
    const put = rig.put("v", { timeoutMs: 100 });
    await rig.advance(200);
    expect(await put).to.include({ code: "storage_failed", maybeApplied: true });
    expect(rig.ownMarks).to.deep.equal([]);
    takes();
    await rig.sent();
    expect(ownersMarkedAt(rig)).to.deep.equal([rig.node(1), rig.node(2)]);
  });

  it("has a bounded number of marks under way and counts what does not fit", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(3) });
    rig.unreachable.add(rig.node(2));
    rig.mark = () => new Promise(() => undefined);
    for (let i = 0; i < 1_025; i++) {
      const put = rig.put(`v${i}`);
      for (const request of await rig.sent()) await rig.ack(request);
      await put;
    }
    expect(missedAs(rig)).to.deep.equal(["dropped"]);
  });
});

function ownersMarkedAt({ ownMarks }: CoordinatorRig): NodeId[] {
  return ownMarks.flatMap(({ owners }) => owners);
}

function missedAs(rig: CoordinatorRig): string[] {
  return rig.events.flatMap((event) => (event.kind === "owner_missed" ? [event.outcome] : []));
}

const positionOfCart = positionOf(CART, hash);

/** What another node hands on. */
function forwardedPut(text: string, { w }: { w?: number } = {}): Uint8Array {
  const options = { r: undefined, w, pr: undefined, pw: undefined, timeoutMs: 1_000 };
  const value = new TextEncoder().encode(text);
  const context = new Uint8Array(0);
  const request = { ...CART, requestId: text, options, context, value, contentType: "" };
  return encodeForwarded({ operation: "put", request }, { sentAtMs: 0, beginWithinMs: 40 });
}
