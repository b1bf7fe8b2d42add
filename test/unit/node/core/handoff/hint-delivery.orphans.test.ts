import { expect } from "chai";
import { HANDOFF } from "../../../../../node/core/handoff/handoff-pace.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { membersOf, nodeId } from "../ring/made-ring.ts";
import { keyNamed } from "../storage/sample-writes.ts";
import { HandoffRig, INTERVAL_MS, type SentHint } from "./handoff-rig.ts";

const SELF = nodeId(0);
const GONE = nodeId(7);
/** The longest backoff, and a scan. */
const LONG_MS = 60_000 + 2 * INTERVAL_MS;

function valuesOf(record: Uint8Array): string[] {
  return decodeRecord(record).siblings.map(({ value }) => new TextDecoder().decode(value));
}

/** Node 7 has left the ring of eight, and node 0 still keeps something for it. */
describe("HintDelivery of orphans", () => {
  let rig: HandoffRig;
  /** A key of which this node is no owner, and one of which it is. */
  let others: string;
  let mine: string;

  beforeEach(() => {
    rig = new HandoffRig();
    rig.install(membersOf(7));
    const names = Array.from({ length: 200 }, (_, i) => `key-${i}`);
    others = names.find((name) => !rig.ownersOf(name).includes(SELF))!;
    mine = names.find((name) => rig.ownersOf(name).includes(SELF))!;
  });

  function connectAll(...except: readonly NodeId[]): void {
    for (const { id } of membersOf(7)) if (id !== SELF && !except.includes(id)) rig.connected.add(id);
  }

  async function sentAfter(ms = INTERVAL_MS): Promise<SentHint[]> {
    await rig.advance(ms);
    return rig.sent();
  }

  /** The first that is sent; nobody's patience with its answer has ended then. */
  async function sentWithin(ms: number): Promise<SentHint[]> {
    for (let left = ms; left > 0; left -= 1_000) {
      const sent = await sentAfter(1_000);
      if (sent.length > 0) return sent;
    }
    return [];
  }

  function eventsOf(kind: string) {
    return rig.events.filter((event) => event.kind === kind);
  }

  it("go to every current owner, and are forgotten only when the last of them has acknowledged", async () => {
    await rig.keep(others, "a", GONE);
    connectAll();
    const sent = await sentAfter();
    expect(sent.map(({ to }) => to)).to.have.members([...rig.ownersOf(others)]);
    for (const { body, lane } of sent) {
      expect(body).to.include({ handedOver: true });
      expect(body).to.deep.include({ keptFor: [], position: keyNamed(others).position });
      expect([lane, ...valuesOf(body.record)]).to.deep.equal(["bulk", "a"]);
    }
    for (const hint of sent) {
      expect(rig.pending(), "some owner has not acknowledged it").to.deep.equal({ [GONE]: 1 });
      await rig.answer(hint);
    }
    expect([rig.pending(), rig.hints.count()]).to.deep.equal([{}, 0]);
    expect(eventsOf("orphans_handed_over")).to.deep.equal([
      { kind: "orphans_handed_over", ownerId: GONE, delivered: 1 },
    ]);
    expect(eventsOf("orphans_sent")[0]).to.deep.include({ ownerId: GONE, fates: ["delivered"] });
    expect(eventsOf("handoff_completed")).to.deep.equal([]);
  });

  it("stay where one of them could not store it, and all are given it again", async () => {
    await rig.keep(others, "a", GONE);
    connectAll();
    const [first, ...more] = await sentAfter();
    await rig.answer(first!, { ok: false, code: "read_only", message: "the disk is full" });
    for (const hint of more) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({ [GONE]: 1 });
    expect(eventsOf("orphans_waiting")).to.deep.equal([
      { kind: "orphans_waiting", ownerId: GONE, delivered: 0, waitsFor: [first!.to] },
    ]);
    const again = await sentAfter();
    expect(again).to.have.length(3);
    for (const hint of again) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({});
  });

  it("go once to those that are there while others are away, and wait for these", async () => {
    await rig.keep(others, "a", GONE);
    const [away, ...there] = rig.ownersOf(others);
    connectAll(away!);
    const sent = await sentAfter();
    expect(sent.map(({ to }) => to)).to.have.members(there);
    for (const hint of sent) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({ [GONE]: 1 });
    expect(await sentWithin(LONG_MS)).to.deep.equal([]);
    expect(eventsOf("orphans_waiting").at(-1)).to.deep.include({ waitsFor: [away] });
    rig.connected.add(away!);
    const again = await sentWithin(LONG_MS);
    expect(again).to.have.length(3);
    for (const hint of again) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({});
  });

  it("do not wait behind those whose owners are away", async () => {
    rig = new HandoffRig(1);
    rig.install(membersOf(7));
    const names = Array.from({ length: 20 }, (_, i) => `key-${i}`);
    const away = nodeId(6);
    const free = names.filter((name) => !rig.ownersOf(name).includes(away));
    for (const name of names) await rig.keep(name, "a", GONE);
    connectAll(away);
    for (let i = 0; i < 3 * names.length; i++) {
      for (const hint of await sentAfter(1_000)) await rig.answer(hint);
    }
    expect(rig.pending()).to.deep.equal({ [GONE]: names.length - free.length });
  });

  it("are stored here where this node is a current owner, in its own data", async () => {
    await rig.keep(mine, "a", GONE);
    connectAll();
    const sent = await sentAfter();
    expect(sent.map(({ to }) => to)).to.have.members(rig.ownersOf(mine).filter((id) => id !== SELF));
    for (const hint of sent) await rig.answer(hint);
    expect([rig.pending(), rig.hints.count()]).to.deep.equal([{}, 0]);
    expect(valuesOf(rig.data.read(keyNamed(mine).position)!.record)).to.deep.equal(["a"]);
  });

  it("stay where this node is a current owner and cannot store it", async () => {
    await rig.keep(mine, "a", GONE);
    connectAll();
    rig.store.refuseWrites({ ok: false, code: "read_only", message: "the disk is full" });
    for (const hint of await sentAfter()) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({ [GONE]: 1 });
    expect(eventsOf("orphans_waiting")[0]).to.deep.include({ waitsFor: [SELF] });
  });

  it("stay where they changed while they were delivered", async () => {
    await rig.keep(others, "a", GONE);
    connectAll();
    const sent = await sentAfter();
    await rig.keep(others, "b", GONE);
    for (const hint of sent) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({ [GONE]: 1 });
    const again = await sentAfter();
    expect(valuesOf(again[0]!.body.record)).to.have.members(["a", "b"]);
    for (const hint of again) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({});
  });

  it("stay where the ring gives the partition to others meanwhile, or the node is a member again", async () => {
    await rig.keep(others, "a", GONE);
    connectAll();
    const sent = await sentAfter();
    rig.install(membersOf(8));
    for (const hint of sent) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({ [GONE]: 1 });
    rig.connect(GONE);
    const [hint] = await sentAfter(HANDOFF.settleMsMax);
    expect(hint!.to).to.equal(GONE);
    await rig.answer(hint!);
    expect(rig.pending()).to.deep.equal({});
  });

  it("that are markers give the owners what this node has of the key", async () => {
    await rig.mark(others, "a", GONE);
    connectAll();
    const sent = await sentAfter();
    expect(sent.map(({ body }) => valuesOf(body.record))).to.deep.equal([["a"], ["a"], ["a"]]);
    for (const hint of sent) await rig.answer(hint);
    expect([rig.pending(), rig.store.rows().markers]).to.deep.equal([{}, 0]);
  });
});
