import { expect } from "chai";
import { encodeForwarded, type ForwardedRequest } from "../../../../../node/core/coordinator/forwarding.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { Stored } from "../../../../../node/core/ports/replica-store.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { join, leave, replace } from "../ring/change/change-scenes.ts";
import { changed, raised } from "../ring/change/elastic-rings.ts";
import { member, membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { CART, CoordinatorRig, type SentRequest, shownCopy } from "./coordinator-rig.ts";

const members = membersOf(5);
const formed = ringOf({ members });
const settled = raised(formed);
const JOINS = nodeId(9);
const [FIRST, LEAVES, STAYS, SPARE, OTHER] = (() => {
  const { owners, fallbacks } = new CoordinatorRig({ at: 0, ring: formed }).list;
  return [...owners, ...fallbacks] as [NodeId, NodeId, NodeId, NodeId, NodeId];
})();
const leaving = members.filter(({ id }) => id === LEAVES);
/** CART is owned by the first, the one that leaves and the one that stays; then the one that joins takes the middle one's place. */
const { transfer, flipped, ended } = changed(settled, replace(leaving, [member(9)]));

const at = (ring: Ring, place = 0) => new CoordinatorRig({ at: place, ring });
const to = (sent: readonly SentRequest[]): NodeId[] => sent.map((request) => request.to);
const sentTo = (sent: readonly SentRequest[], node: NodeId): SentRequest => {
  const found = sent.find((request) => request.to === node);
  if (found === undefined) throw new Error(`nothing was sent to ${node}`);
  return found;
};

function bodyOf({ request }: SentRequest) {
  if (request.kind !== "replicate") throw new Error(`a ${request.kind} request`);
  return request.body;
}

function epochOf({ request }: SentRequest): number {
  if (!("planned" in request)) throw new Error(`a ${request.kind} request`);
  return request.planned.epoch;
}

function forwardedPut(text: string): Uint8Array {
  const options = { r: undefined, w: undefined, pr: undefined, pw: undefined, timeoutMs: 1_000 };
  const request = { ...CART, context: new Uint8Array(0), value: new Uint8Array(1), contentType: "" };
  const asked: ForwardedRequest = { operation: "put", request: { ...request, requestId: text, options } };
  return encodeForwarded(asked, { sentAtMs: 0, beginWithinMs: 40 });
}

async function isOpen(outcome: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  const settledFirst = new Promise((resolve) => void setImmediate(() => resolve(open)));
  return (await Promise.race([outcome, settledFirst])) === open;
}

describe("a put while the ring changes", () => {
  it("goes to the owners before and after the change, and needs W of both", async () => {
    for (const ring of [transfer, flipped]) {
      const rig = at(ring, ring === transfer ? 0 : 1);
      void rig.accept(OTHER, forwardedPut("v"), ring);
      const sent = await rig.sent();
      const owners = [FIRST, STAYS, LEAVES, JOINS].filter((node) => node !== rig.self);
      expect(to(sent)).to.have.members(owners);
      expect(sent.map(epochOf)).to.deep.equal(owners.map(() => ring.epoch));
      expect(sent.flatMap((request) => bodyOf(request).keptFor)).to.deep.equal([]);
    }
    const rig = at(transfer);
    const put = rig.put("v");
    const sent = await rig.sent();
    await rig.ack(sentTo(sent, LEAVES));
    expect(await isOpen(put), "two owners before the change, one after it").to.equal(true);
    await rig.ack(sentTo(sent, JOINS));
    expect((await put).kind).to.equal("written");
  });

  it("gives a missing owner, of either set, a stand-in that owns in neither", async () => {
    for (const missing of [LEAVES, JOINS, STAYS]) {
      const rig = at(transfer);
      rig.unreachable.add(missing);
      const put = rig.put("v");
      const sent = await rig.sent();
      const standIns = sent.filter((request) => bodyOf(request).keptFor.length > 0);
      expect(standIns.map((request) => [request.to, ...bodyOf(request).keptFor])).to.deep.equal([
        [SPARE, missing],
      ]);
      await rig.ack(standIns[0]!);
      if (missing !== STAYS) {
        expect(await isOpen(put)).to.equal(true);
        await rig.ack(sentTo(sent, STAYS));
      }
      expect((await put).kind).to.equal("written");
    }
  });

  it("begins again, under the same dot, by the ring of a replica that refuses its plan", async () => {
    const rig = at(settled);
    rig.fetchable.push(transfer);
    let minted = 0;
    const { ownWrite } = rig;
    rig.ownWrite = (write) => (minted++, ownWrite(write));
    const put = rig.put("v");
    const early = await rig.sent();
    expect(to(early)).to.have.members([LEAVES, STAYS]);
    await rig.refuse(sentTo(early, STAYS), transfer);
    const late = await rig.sent();
    expect(to(late)).to.have.members([STAYS, LEAVES, JOINS]);
    expect(late.map(epochOf)).to.deep.equal([transfer.epoch, transfer.epoch, transfer.epoch]);
    for (const request of late) expect(bodyOf(request).record).to.deep.equal(bodyOf(early[0]!).record);
    await rig.ack(sentTo(early, LEAVES));
    expect(await isOpen(put), "by the ring before it counts no more").to.equal(true);
    await rig.ack(sentTo(late, STAYS));
    expect((await put).kind).to.equal("written");
    expect(minted).to.equal(1);
    expect(rig.events).to.deep.include({ kind: "planned_anew" });
  });

  it("leaves no marks of the plan that it gave up", async () => {
    const rig = at(settled);
    rig.fetchable.push(transfer);
    rig.unreachable.add(SPARE).add(OTHER);
    const put = rig.put("v");
    const early = await rig.sent();
    rig.calls.disconnected(LEAVES);
    await rig.refuse(sentTo(early, STAYS), transfer);
    for (const request of await rig.sent()) await rig.ack(request);
    expect((await put).kind).to.equal("written");
    await rig.advance(5_000);
    expect(rig.ownMarks, "what missed it first has it by the second").to.deep.equal([]);
  });

  it("counts no copy of its own while its ring store is another than the one that is listed", async () => {
    const rig = at(settled);
    rig.mayAcknowledge = false;
    const put = rig.put("v");
    const sent = await rig.sent();
    expect(to(sent), "and its copy gets a stand-in").to.have.members([LEAVES, STAYS, SPARE]);
    await rig.ack(sentTo(sent, LEAVES));
    expect(await isOpen(put)).to.equal(true);
    await rig.ack(sentTo(sent, STAYS));
    expect((await put).kind).to.equal("written");
  });

  it("does without a replica whose ring is not to be had", async () => {
    const rig = at(settled);
    const put = rig.put("v");
    const sent = await rig.sent();
    await rig.refuse(sentTo(sent, STAYS), transfer);
    const [standIn] = await rig.sent();
    expect([standIn!.to, ...bodyOf(standIn!).keptFor]).to.deep.equal([SPARE, STAYS]);
    await rig.ack(standIn!);
    expect((await put).kind).to.equal("written");
  });

  it("is answered by W that have not fenced its plan, also while the later ring is fetched", async () => {
    const rig = at(settled);
    rig.catchUp = () => new Promise(() => undefined);
    const put = rig.put("v");
    const sent = await rig.sent();
    await rig.refuse(sentTo(sent, STAYS), transfer);
    await rig.ack(sentTo(sent, LEAVES));
    expect((await put).kind).to.equal("written");
  });

  it("does not count its own copy where the disk took it after this node had taken over a begin", async () => {
    const rig = at(settled);
    let sync: (stored: Stored) => void = () => undefined;
    const { ownWrite } = rig;
    rig.ownWrite = (write) => ({ ...ownWrite(write), durable: new Promise((resolve) => (sync = resolve)) });
    const put = rig.put("v");
    const early = await rig.sent();
    await rig.ack(sentTo(early, LEAVES));
    rig.install(transfer);
    sync({ ok: true });
    const late = await rig.sent();
    expect(await isOpen(put)).to.equal(true);
    expect(late.map(epochOf)).to.deep.equal([transfer.epoch, transfer.epoch, transfer.epoch]);
    await rig.ack(sentTo(late, JOINS));
    expect(await isOpen(put), "its own copy and one of the owners after it").to.equal(true);
    await rig.ack(sentTo(late, LEAVES));
    expect((await put).kind).to.equal("written");
  });

  it("keeps its copy as what the node is by the later ring", async () => {
    const rig = at(settled, 1);
    rig.fetchable.push(ended);
    const put = rig.put("v");
    await rig.refuse(sentTo(await rig.sent(), STAYS), ended);
    const late = await rig.sent();
    expect(
      rig.ownStored.map(({ keptFor }) => keptFor),
      "it has left: a hint for an owner",
    ).to.deep.equal([[ringOwnerFirst(rig)]]);
    for (const request of late) await rig.ack(request);
    expect((await put).kind).to.equal("written");
  });

  it("counts no copy of its own once it has left, by the plan of before or anew: that may be given up", async () => {
    const rig = at(settled, 1);
    rig.install(flipped);
    let sync: (stored: Stored) => void = () => undefined;
    const { ownWrite } = rig;
    rig.ownWrite = (write) => ({ ...ownWrite(write), durable: new Promise((resolve) => (sync = resolve)) });
    const put = rig.accept(OTHER, forwardedPut("v"), flipped);
    const early = await rig.sent();
    await rig.ack(sentTo(early, JOINS));
    await rig.ack(sentTo(early, FIRST));
    rig.install(ended);
    sync({ ok: true });
    const late = await rig.sent();
    expect(to(late), "its own gets a stand-in").to.have.members([FIRST, JOINS, STAYS, SPARE]);
    await rig.ack(sentTo(late, FIRST));
    expect(await isOpen(put), "one of the owners after the change, and its own copy").to.equal(true);
    await rig.ack(sentTo(late, STAYS));
    expect(await isOpen(put)).to.equal(false);
  });

  it("begins again twice at most, and then does without who refuses", async () => {
    const again = changed(ended, leave(members.find(({ id }) => id === OTHER)!));
    const rig = at(settled);
    const put = rig.put("v", { timeoutMs: 2_000 });
    for (const ring of [transfer, flipped, again.transfer]) {
      rig.fetchable.push(ring);
      const sent = await rig.sent();
      await rig.refuse(sentTo(sent, STAYS), ring);
    }
    const last = await rig.sent();
    expect(rig.events.filter(({ kind }) => kind === "planned_anew")).to.have.length(2);
    expect(last.map(epochOf)).to.deep.equal([flipped.epoch]);
    expect(last.map((request) => bodyOf(request).keptFor)).to.deep.equal([[STAYS]]);
    await rig.advance(2_000);
    expect(await put).to.include({ code: "quorum_unreachable", maybeApplied: true });
  });

  it("needs W of the owners after the change where there are fewer before it", async () => {
    const [one, two, three] = membersOf(3) as [(typeof members)[0], (typeof members)[0], (typeof members)[0]];
    const alone = raised(ringOf({ members: [one] }));
    const grows = changed(alone, join(two, three)).transfer;
    const before = at(alone);
    let sync: (stored: Stored) => void = () => undefined;
    const { ownWrite } = before;
    before.ownWrite = (write) => ({
      ...ownWrite(write),
      durable: new Promise((resolve) => (sync = resolve)),
    });
    const early = before.put("v");
    await before.sent();
    before.install(grows);
    sync({ ok: true });
    const late = await before.sent();
    expect(await isOpen(early), "its own copy was enough by the ring before").to.equal(true);
    await before.ack(late[0]!);
    expect((await early).kind).to.equal("written");
    const rig = at(grows);
    const put = rig.put("v");
    const sent = await rig.sent();
    expect(await isOpen(put), "its own copy alone").to.equal(true);
    await rig.ack(sent[0]!);
    expect((await put).kind).to.equal("written");
    expect(await rig.put("v", { w: 4 })).to.include({ code: "invalid_quorum" });
  });
});

describe("a get while the ring changes", () => {
  it("asks the owners before the change until the flip, and those after it from then on", async () => {
    const before = at(transfer);
    void before.get({ r: 3 });
    expect(to(await before.sent())).to.deep.equal([LEAVES, STAYS]);
    const after = at(flipped);
    void after.get({ r: 3 });
    expect(to(await after.sent())).to.have.members([JOINS, STAYS]);
  });

  it("asks nobody who owns in the other set, whatever is out of reach", async () => {
    const rig = at(transfer);
    rig.unreachable.add(LEAVES).add(STAYS);
    void rig.get();
    const asked = to(await rig.sent());
    for (let ms = 0; ms < 500; ms += 50) {
      await rig.advance(50);
      asked.push(...to(await rig.sent()));
    }
    expect(asked).to.have.members([SPARE, OTHER]);
  });

  it("begins again by the ring of a replica that refuses its plan", async () => {
    const rig = at(transfer);
    rig.fetchable.push(flipped);
    rig.ownRead = async ({ want }) => shownCopy({ text: "v" }, want);
    const get = rig.get();
    const [early] = await rig.sent();
    await rig.refuse(early!, flipped);
    const late = await rig.sent();
    expect(late.map(epochOf)).to.deep.equal([flipped.epoch]);
    expect(to(late)).to.deep.equal([JOINS]);
    await rig.show(late[0]!, shownCopy({ text: "v" }, "digest"));
    expect(await get).to.include({ kind: "read", ownersAnswered: 2 });
  });

  it("does not count what this node showed itself after it had taken over a flip", async () => {
    const rig = at(transfer);
    rig.ownRead = async ({ want }) => {
      rig.install(flipped);
      return shownCopy({ text: "v" }, want);
    };
    const get = rig.get({ r: 1 });
    expect(await get).to.include({ kind: "read" });
    expect(rig.events.filter(({ kind }) => kind === "planned_anew")).to.have.length(1);
  });

  it("begins again where a replica refuses the record after it had shown the digest", async () => {
    const rig = at(transfer);
    rig.fetchable.push(flipped);
    const get = rig.get();
    const [digest] = await rig.sent();
    await rig.show(digest!, shownCopy({ text: "v" }, "digest"));
    const [record] = await rig.sent();
    await rig.refuse(record!, flipped);
    const [again] = await rig.sent();
    expect([again!.to, epochOf(again!)]).to.deep.equal([JOINS, flipped.epoch]);
    await rig.show(again!, shownCopy({ text: "v" }, "digest"));
    await rig.show((await rig.sent())[0]!, shownCopy({ text: "v" }, "record"));
    expect(await get).to.include({ kind: "read", ownersAnswered: 2 });
  });

  it("does without a replica whose ring is not to be had", async () => {
    const rig = at(transfer);
    rig.ownRead = async ({ want }) => shownCopy({ text: "v" }, want);
    const get = rig.get();
    await rig.refuse((await rig.sent())[0]!, flipped);
    const [next] = await rig.sent();
    expect(next!.to).to.equal(STAYS);
    await rig.show(next!, shownCopy({ text: "v" }, "digest"));
    expect(await get).to.include({ kind: "read", ownersAnswered: 2 });
  });
});

describe("a delete while the ring changes", () => {
  const deletion = { text: "", tombstone: true, requestId: "an earlier delete" };

  it("writes its tombstone though W owners before the change hold one: those after it may have none", async () => {
    for (const [ring, isWritten] of [
      [settled, false],
      [transfer, true],
    ] as const) {
      const rig = at(ring);
      rig.ownRead = async ({ want }) => shownCopy(deletion, want);
      void rig.delete("mine");
      const [digest] = await rig.sent();
      await rig.show(digest!, shownCopy(deletion, "digest"));
      const written = (await rig.sent()).filter(({ request }) => request.kind === "replicate");
      expect(to(written).includes(JOINS)).to.equal(isWritten);
    }
  });
});

describe("a request and the ring", () => {
  it("names the ring that it is planned by, forwards included, and a formed ring as version 1 does", async () => {
    const rig = at(transfer, 4);
    void rig.put("v");
    const [forward] = await rig.sent();
    expect([forward!.request.kind, epochOf(forward!)]).to.deep.equal(["forward", transfer.epoch]);
    const first = at(formed);
    void first.put("v");
    expect((await first.sent()).map(epochOf)).to.deep.equal([1, 1]);
  });

  it("is told of by the repairs of a get as well", async () => {
    const rig = at(transfer);
    rig.ownRead = async ({ want }) => shownCopy({ text: "v" }, want);
    const get = rig.get();
    await rig.show((await rig.sent())[0]!, { status: "not_found" });
    expect((await get).kind).to.equal("read");
    const [repair] = await rig.sent();
    expect([repair!.to, repair!.request.kind, epochOf(repair!)]).to.deep.equal([
      LEAVES,
      "replicate",
      transfer.epoch,
    ]);
  });

  it("is coordinated by no older ring than that of the node which handed it on", async () => {
    const rig = at(settled);
    rig.fetchable.push(transfer);
    void rig.accept(OTHER, forwardedPut("v"), transfer);
    const sent = await rig.sent();
    expect(to(sent)).to.have.members([LEAVES, STAYS, JOINS]);
  });

  it("is refused by a node that has left, which says so and leaves nothing behind", async () => {
    const rig = at(settled, 1);
    rig.install(ended);
    const refused = await rig.put("v");
    expect(refused).to.include({ kind: "failed", code: "no_ring", maybeApplied: false });
    expect(refused.kind === "failed" && refused.message).to.contain("is no member of the ring");
    expect(await rig.sent()).to.deep.equal([]);
  });
});

/** The first owner of CART by the ring that the rig has in the end. */
function ringOwnerFirst(rig: CoordinatorRig): NodeId {
  return at(ended).list.owners.find((node) => node !== rig.self)!;
}
