import { expect } from "chai";
import { HANDOFF, pauseAfterMs } from "../../../../../node/core/handoff/handoff-pace.ts";
import { NO_OWNER } from "../../../../../node/core/ports/hint-store.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { STORED_WAIT_MS_MAX } from "../../../../../node/core/stored-within.ts";
import { emptyImage } from "../storage/memory-database.ts";
import { keyNamed } from "../storage/sample-writes.ts";
import { HandoffRig, INTERVAL_MS, type SentHint } from "./handoff-rig.ts";

const OWNER = nodeId(1);
const OTHER = nodeId(2);
const PAUSE_MS_MAX = pauseAfterMs(Infinity);
const STRANGER = nodeId(99);

function valuesOf({ body }: SentHint): string[] {
  return decodeRecord(body.record).siblings.map(({ value }) => new TextDecoder().decode(value));
}

function eventsOf(rig: HandoffRig, kind: string) {
  return rig.events.filter((event) => event.kind === kind);
}

describe("HintDelivery", () => {
  let rig: HandoffRig;

  beforeEach(() => {
    rig = new HandoffRig();
  });

  it("names the ring by which the owner was chosen, and keeps the hint where the owner has a later one", async () => {
    const [transfer, flipped] = [2, 3].map((epoch) => ({ ...ringOf({ members: membersOf(8) }), epoch }));
    rig.serve(transfer!);
    await rig.keep("cart", "a", OWNER);
    rig.connect(OWNER);
    await rig.advance(HANDOFF.settleMsMax);
    const [hint] = await rig.sent();
    expect(hint!.planned).to.deep.equal({ generation: 0, epoch: 2 });
    await rig.refuse(hint!, flipped!);
    expect(rig.laterRings).to.deep.equal([[OWNER, { generation: 0, epoch: 3 }]]);
    expect(rig.pending()).to.deep.equal({ [OWNER]: 1 });
    rig.serve(flipped!);
    rig.connect(OWNER);
    await rig.advance(HANDOFF.settleMsMax);
    const [again] = await rig.sent();
    expect(again!.planned).to.deep.equal({ generation: 0, epoch: 3 });
    await rig.answer(again!);
    expect(rig.pending()).to.deep.equal({});
  });

  it("sends a hint soon after its owner connects, as a plain record on the bulk lane", async () => {
    await rig.keep("cart", "a", OWNER);
    rig.connect(OWNER);
    expect(await rig.sent()).to.deep.equal([]);
    await rig.advance(HANDOFF.settleMsMax);
    const [hint, ...more] = await rig.sent();
    expect(more).to.deep.equal([]);
    expect(hint).to.include({ to: OWNER, lane: "bulk" });
    expect(hint!.body).to.deep.include({ keptFor: [], position: keyNamed("cart").position });
    expect(valuesOf(hint!)).to.deep.equal(["a"]);
  });

  it("finds within a scan what was kept while its owner was connected all the time", async () => {
    rig.connect(OWNER);
    await rig.advance(1_000);
    await rig.keep("cart", "a", OWNER);
    await rig.advance(INTERVAL_MS);
    expect(await rig.sent()).to.have.length(1);
  });

  it("forgets a hint once the owner has acknowledged it, and not before", async () => {
    await rig.keep("cart", "a", OWNER);
    rig.connect(OWNER);
    await rig.advance(1_000);
    const [hint] = await rig.sent();
    expect([rig.hints.count(), rig.pending()]).to.deep.equal([1, { [OWNER]: 1 }]);
    await rig.answer(hint!);
    expect([rig.hints.count(), rig.pending()]).to.deep.equal([0, {}]);
    expect(eventsOf(rig, "handoff_completed")).to.deep.equal([
      { kind: "handoff_completed", ownerId: OWNER, delivered: 1 },
    ]);
  });

  it("keeps a hint that changed while it was delivered, and delivers what it has become", async () => {
    await rig.keep("cart", "a", OWNER);
    rig.connect(OWNER);
    await rig.advance(1_000);
    const [hint] = await rig.sent();
    await rig.keep("cart", "b", OWNER);
    await rig.answer(hint!);
    expect(rig.pending()).to.deep.equal({ [OWNER]: 1 });
    await rig.advance(INTERVAL_MS);
    const [again] = await rig.sent();
    expect(valuesOf(again!)).to.have.members(["a", "b"]);
    await rig.answer(again!);
    expect(rig.pending()).to.deep.equal({});
  });

  it("keeps a row that waits for two owners until both have it", async () => {
    await rig.keep("cart", "a", OWNER, OTHER);
    rig.connect(OWNER);
    await rig.advance(1_000);
    await rig.answer((await rig.sent())[0]!);
    expect([rig.hints.count(), rig.pending()]).to.deep.equal([1, { [OTHER]: 1 }]);
    rig.connect(OTHER);
    await rig.advance(1_000);
    const [hint] = await rig.sent();
    expect(hint!.to).to.equal(OTHER);
    await rig.answer(hint!);
    expect(rig.hints.count()).to.equal(0);
  });

  it("delivers for a marker what this node holds by then, and forgets it once that is acknowledged", async () => {
    await rig.mark("cart", "a", OWNER);
    rig.connect(OWNER);
    await rig.advance(1_000);
    const [hint] = await rig.sent();
    expect(valuesOf(hint!)).to.deep.equal(["a"]);
    await rig.mark("cart", "b", OWNER);
    await rig.answer(hint!);
    expect(rig.pending(), "the owner has not seen b").to.deep.equal({ [OWNER]: 1 });
    await rig.advance(INTERVAL_MS);
    const [again] = await rig.sent();
    expect(valuesOf(again!)).to.have.members(["a", "b"]);
    await rig.answer(again!);
    expect([rig.pending(), rig.store.rows().markers]).to.deep.equal([{}, 0]);
  });

  it("drops a marker whose record is lost, and says so", async () => {
    await rig.mark("cart", "a", OWNER);
    rig.data.restore(emptyImage);
    rig.connect(OWNER);
    await rig.advance(1_000);
    expect(await rig.sent()).to.deep.equal([]);
    expect(rig.pending()).to.deep.equal({});
    expect(eventsOf(rig, "marker_dropped")).to.deep.equal([{ kind: "marker_dropped", ownerId: OWNER }]);
    expect(eventsOf(rig, "handoff_interrupted")).to.deep.equal([]);
  });

  it("delivers in batches, the next one only when the last one is answered, pausing in between", async () => {
    rig = new HandoffRig(4);
    for (let i = 0; i < 10; i++) await rig.keep(`key-${i}`, "v", OWNER);
    rig.connect(OWNER);
    await rig.advance(HANDOFF.settleMsMax);
    const sizes: number[] = [];
    for (let round = 0; round < 4; round++) {
      const batch = await rig.sent();
      sizes.push(batch.length);
      await rig.advance(100);
      expect(await rig.sent(), "one batch at a time").to.deep.equal([]);
      for (const hint of batch) await rig.answer(hint);
      expect(await rig.sent(), "no pause").to.deep.equal([]);
      await rig.advance(PAUSE_MS_MAX);
    }
    expect(sizes).to.deep.equal([4, 4, 2, 0]);
    expect(rig.hints.count()).to.equal(0);
  });

  it("stops at a silent owner, passes its batch over and comes back to it", async () => {
    rig = new HandoffRig(1);
    for (const name of ["x", "y"]) await rig.keep(name, "v", OWNER);
    rig.connect(OWNER);
    await rig.advance(1_000);
    const [silent] = await rig.sent();
    await rig.advance(HANDOFF.acknowledgeTimeoutMs + 100);
    expect(eventsOf(rig, "handoff_interrupted")).to.have.length(1);
    await rig.advance(INTERVAL_MS);
    const [second] = await rig.sent();
    expect(second!.body.position).to.not.deep.equal(silent!.body.position);
    await rig.answer(second!);
    await rig.advance(INTERVAL_MS);
    const [again] = await rig.sent();
    expect(again!.body.position).to.deep.equal(silent!.body.position);
    await rig.answer(again!);
    expect(rig.hints.count()).to.equal(0);
  });

  it("tries an owner that stays silent more and more rarely, and at once when it connects anew", async () => {
    await rig.keep("cart", "a", OWNER);
    rig.connect(OWNER);
    const attempts: number[] = [];
    while (rig.nowMs < 200_000) {
      await rig.advance(1_000);
      if ((await rig.sent()).length > 0) attempts.push(rig.nowMs);
    }
    const gaps = attempts.slice(1).map((atMs, i) => Math.round((atMs - attempts[i]!) / 10_000) * 10);
    expect(gaps.slice(0, 4)).to.deep.equal([20, 20, 40, 70]);
    rig.disconnect(OWNER);
    rig.connect(OWNER);
    await rig.advance(HANDOFF.settleMsMax);
    expect(await rig.sent()).to.have.length(1);
    // It begins anew: its first batch after a return may meet a bulk connection that is not there yet.
    const connectedMs = rig.nowMs;
    await rig.advance(HANDOFF.acknowledgeTimeoutMs + INTERVAL_MS);
    expect((await rig.sent()).length, `within ${rig.nowMs - connectedMs} ms`).to.equal(1);
  });

  it("goes on past a record that its owner never takes, and keeps it", async () => {
    rig = new HandoffRig(1);
    for (const name of ["x", "y"]) await rig.keep(name, "v", OWNER);
    rig.connect(OWNER);
    await rig.advance(1_000);
    await rig.answer((await rig.sent())[0]!, { ok: false, code: "key_collision", message: "taken" });
    await rig.advance(PAUSE_MS_MAX);
    await rig.answer((await rig.sent())[0]!);
    expect([rig.hints.count(), eventsOf(rig, "handoff_interrupted")]).to.deep.equal([1, []]);
    const fates = eventsOf(rig, "hints_sent").flatMap((event) =>
      event.kind === "hints_sent" ? event.fates : [],
    );
    expect(fates).to.deep.equal(["refused", "delivered"]);
  });

  it("leaves the hints of a node that is no member, connected or not", async () => {
    await rig.keep("cart", "a", STRANGER);
    rig.connect(STRANGER);
    await rig.advance(3 * INTERVAL_MS);
    expect(await rig.sent()).to.deep.equal([]);
    expect(rig.pending()).to.deep.equal({ [STRANGER]: 1 });
  });

  it("strikes off a hint that has rotted, reports it, and delivers the others", async () => {
    for (const name of ["x", "y"]) await rig.keep(name, "v", OWNER);
    const rotten = rig.hints.read(keyNamed("x").position)!;
    rig.hints.plant({ ...rotten, digest: new Uint8Array(16) });
    rig.connect(OWNER);
    await rig.advance(1_000);
    const [hint, ...more] = await rig.sent();
    expect([hint!.body.position, more]).to.deep.equal([keyNamed("y").position, []]);
    expect(eventsOf(rig, "row_corrupt")).to.deep.include({ kind: "row_corrupt", database: "hints" });
    await rig.answer(hint!);
    expect([rig.hints.count(), rig.pending()]).to.deep.equal([0, {}]);
    expect(rig.lost).to.deep.equal([{ position: keyNamed("x").position, owner: OWNER }]);
  });

  it("strikes off a rotten row owner by owner, each when it could have had it", async () => {
    await rig.keep("x", "v", OWNER, OTHER);
    rig.hints.plant({ ...rig.hints.read(keyNamed("x").position)!, digest: new Uint8Array(16) });
    rig.connect(OWNER);
    await rig.advance(1_000);
    expect([rig.pending(), rig.lost.map(({ owner }) => owner)]).to.deep.equal([{ [OTHER]: 1 }, [OWNER]]);
    rig.connect(OTHER);
    await rig.advance(1_000);
    expect([rig.pending(), rig.hints.count()]).to.deep.equal([{}, 0]);
  });

  it("strikes off a row of which nobody can say whom it is kept for", async () => {
    await rig.keep("x", "v", OWNER);
    rig.hints.plant({ ...rig.hints.read(keyNamed("x").position)!, keptFor: [] });
    await rig.advance(INTERVAL_MS);
    expect(rig.hints.count()).to.equal(0);
    expect(rig.lost.map(({ owner }) => owner)).to.deep.equal([NO_OWNER]);
  });

  it("strikes off a marker whose record has rotted, and has the record fetched from elsewhere", async () => {
    await rig.mark("x", "v", OWNER);
    rig.data.plant({ ...rig.data.read(keyNamed("x").position)!, digest: new Uint8Array(16) });
    rig.connect(OWNER);
    await rig.advance(1_000);
    expect([rig.pending(), rig.corruptRows]).to.deep.equal([{}, [keyNamed("x").position]]);
    expect(rig.lost).to.have.length(1);
  });

  it("serves a bounded number of owners at once, and the others as soon as one of these is done", async () => {
    const owners = [1, 2, 3, 4, 5, 6, 7].map(nodeId);
    await rig.keep("cart", "a", ...owners);
    for (const owner of owners) rig.connect(owner);
    await rig.advance(1_000);
    const first = await rig.sent();
    expect(first).to.have.length(HANDOFF.ownersMax);
    await rig.answer(first[0]!);
    const next = await rig.sent();
    expect(next).to.have.length(1);
    for (const hint of [...first.slice(1), ...next]) await rig.answer(hint);
    for (const hint of await rig.sent()) await rig.answer(hint);
    expect(rig.hints.count()).to.equal(0);
  });

  it("gives the owner's turn back when the own disk does not strike it off, and delivers again", async () => {
    await rig.keep("x", "value", OWNER);
    rig.connect(OWNER);
    await rig.advance(1_000);
    const [first] = await rig.sent();
    rig.writerHangs = true;
    await rig.answer(first!);
    await rig.advance(STORED_WAIT_MS_MAX);
    expect(eventsOf(rig, "hints_sent")[0]).to.deep.include({ fates: ["not_forgotten"] });
    rig.writerHangs = false;
    await rig.advance(INTERVAL_MS - 500);
    expect(rig.hints.count()).to.equal(0);
  });

  it("has the indexes made anew where hints are counted that two rounds do not find", async () => {
    await rig.keep("x", "value", OWNER);
    const { positionsKeptFor } = rig.hints;
    rig.hints.positionsKeptFor = () => [];
    rig.hints.rebuildIndexes = () => void (rig.hints.positionsKeptFor = positionsKeptFor);
    rig.connect(OWNER);
    await rig.advance(1_000);
    expect(await rig.sent()).to.have.length(0);
    await rig.advance(2 * INTERVAL_MS);
    const [hint] = await rig.sent();
    await rig.answer(hint!);
    expect([rig.hints.count(), rig.pending()]).to.deep.equal([0, {}]);
  });

  it("gives the owner's turn back when the own disk does not mend a rotten hint", async () => {
    await rig.keep("x", "value", OWNER);
    await rig.keep("y", "sound", OWNER);
    rig.hints.plant({ ...rig.hints.read(keyNamed("x").position)!, digest: new Uint8Array(16) });
    rig.writerHangs = true;
    rig.connect(OWNER);
    await rig.advance(1_000);
    expect(await rig.sent()).to.have.length(0);
    await rig.advance(STORED_WAIT_MS_MAX);
    expect(await rig.sent()).to.have.length(1);
  });
});
