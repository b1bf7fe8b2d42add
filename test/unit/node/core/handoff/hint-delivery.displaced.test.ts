import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { keepersOf } from "../../../../../node/core/ring/keepers.ts";
import { routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import { compareBytes } from "../../../../../node/core/version/record.ts";
import { partitionOf } from "../../../../../node/core/ring/position.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { join, leave } from "../ring/change/change-scenes.ts";
import { changed, raised, stepped } from "../ring/change/elastic-rings.ts";
import { member, membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { keyNamed } from "../storage/sample-writes.ts";
import { pauseAfterMs } from "../../../../../node/core/handoff/handoff-pace.ts";
import { HandoffRig, INTERVAL_MS, type SentHint } from "./handoff-rig.ts";

const PAUSE_MS_MAX = pauseAfterMs(Infinity);
const SELF = nodeId(0);
const before = raised(ringOf({ members: membersOf(8) }));
const { transfer, ended } = changed(before, join(member(8), member(9)));

function ownersIn(ring: Ring, name: string): readonly NodeId[] {
  const routes = routesOf(ring);
  const state = {
    current: () => ring,
    hash: () => "",
    preferenceList: (partition: number) => routes[partition]!.read,
    routes: (partition: number) => routes[partition]!,
  };
  return keepersOf(state, partitionOf(keyNamed(name).position, ring.parameters.partitions));
}

/** Nodes 8 and 9 have joined, and took partitions of others, for whom node 0 still keeps something. */
describe("HintDelivery to a member that owns the partition no more", () => {
  let rig: HandoffRig;
  const keys = Array.from({ length: 2_000 }, (_, i) => `key-${i}`);
  const isOthers = (name: string): boolean => !ownersIn(ended, name).includes(SELF);
  const lost = (name: string): NodeId | undefined =>
    ownersIn(before, name).find((id) => id !== SELF && !ownersIn(ended, name).includes(id));
  const moved = keys.find((name) => isOthers(name) && lost(name) !== undefined)!;
  const owner = lost(moved)!;
  const gaining = ownersIn(ended, moved).filter((id) => !ownersIn(before, moved).includes(id));
  /** Still its own. */
  const kept = keys.find((name) => isOthers(name) && ownersIn(ended, name).includes(owner))!;

  beforeEach(() => {
    rig = new HandoffRig();
    rig.serve(ended);
  });

  function connectAll(...except: readonly NodeId[]): void {
    for (const { id } of ended.members) if (id !== SELF && !except.includes(id)) rig.connected.add(id);
  }

  async function sentAfter(ms = INTERVAL_MS + 1_000): Promise<SentHint[]> {
    await rig.advance(ms);
    return rig.sent();
  }

  it("goes to all who own it now, not to the old owner, and is forgotten with the last acknowledgement", async () => {
    await rig.keep(moved, "a", owner);
    connectAll();
    const sent = await sentAfter();
    expect(sent.map(({ to }) => to)).to.have.members([...ownersIn(ended, moved)]);
    for (const hint of sent) {
      expect(rig.pending()).to.deep.equal({ [owner]: 1 });
      await rig.answer(hint);
    }
    expect(rig.pending()).to.deep.equal({});
  });

  it("goes there though the old owner is away, and what is the old owner's own waits for it", async () => {
    await rig.keep(moved, "a", owner);
    await rig.keep(kept, "b", owner);
    connectAll(owner);
    const sent = await sentAfter();
    expect(sent.map(({ to }) => to)).to.have.members([...ownersIn(ended, moved)]);
    for (const hint of sent) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({ [owner]: 1 });
    // Not looked through again and again while it is away.
    const reads = rig.events.filter(({ kind }) => kind === "hints_sent").length;
    await rig.advance(5 * INTERVAL_MS);
    expect(rig.events.filter(({ kind }) => kind === "hints_sent").length).to.equal(reads);
    rig.connect(owner);
    const own = await sentAfter(1_000);
    expect(own.map(({ to }) => to)).to.deep.equal([owner]);
    for (const hint of own) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({});
  });

  it("waits for an owner of now that is away, the others having it", async () => {
    const [away, ...there] = ownersIn(ended, moved);
    await rig.keep(moved, "a", owner);
    connectAll(away!);
    const first = await sentAfter();
    expect(first.map(({ to }) => to)).to.have.members(there);
    for (const hint of first) await rig.answer(hint);
    expect(rig.pending()).to.deep.equal({ [owner]: 1 });
    expect(await sentAfter(2 * INTERVAL_MS)).to.deep.equal([]);
    rig.connected.add(away!);
    const all = await sentAfter(80_000);
    expect(all.map(({ to }) => to)).to.include(away);
  });

  it("goes to its owner while the change moves it, and to whoever gains it, and is forgotten when all have it", async () => {
    rig.serve(transfer);
    await rig.keep(moved, "a", owner);
    connectAll();
    const sent = await sentAfter();
    expect(sent.map(({ to }) => to)).to.have.members([owner, ...gaining]);
    for (const hint of sent) {
      expect(rig.pending()).to.deep.equal({ [owner]: 1 });
      await rig.answer(hint);
    }
    expect(rig.pending()).to.deep.equal({});
  });

  it("goes to an owner that stays, too, and to whoever gains it: reads may ask that one alone of those that have it", async () => {
    rig.serve(transfer);
    const staying = ownersIn(before, moved).find((id) => ownersIn(ended, moved).includes(id))!;
    await rig.keep(moved, "a", staying);
    connectAll();
    expect((await sentAfter()).map(({ to }) => to)).to.have.members([staying, ...gaining]);
  });

  it("goes to its owner again and again while whoever gains it is away, and stays", async () => {
    rig.serve(transfer);
    await rig.keep(moved, "a", owner);
    connectAll(...gaining);
    for (let round = 0; round < 2; round++) {
      const sent = await sentAfter(60_000);
      expect(sent.map(({ to }) => to))
        .to.include(owner)
        .and.not.include(gaining[0]);
      for (const hint of sent) await rig.answer(hint);
      expect(rig.pending()).to.deep.equal({ [owner]: 1 });
    }
    for (const id of gaining) rig.connected.add(id);
    const last = await sentAfter(80_000);
    expect(last.map(({ to }) => to)).to.include(gaining[0]);
  });

  it("holds up no hint of its owner where whoever gains it answers, and cannot take it", async () => {
    rig = new HandoffRig(1);
    rig.serve(transfer);
    const behind = keys.find(
      (name) =>
        isOthers(name) &&
        ownersIn(before, name).includes(owner) &&
        ownersIn(ended, name).includes(owner) &&
        compareBytes(keyNamed(name).position, keyNamed(moved).position) > 0,
    )!;
    await rig.keep(moved, "a", owner);
    await rig.keep(behind, "b", owner);
    connectAll();
    for (let batch = 0; batch < 2; batch++) {
      const sent = await sentAfter(batch === 0 ? INTERVAL_MS + 1_000 : PAUSE_MS_MAX);
      expect(sent.map(({ to }) => to)).to.include(owner);
      for (const hint of sent) {
        const cannot = gaining.includes(hint.to);
        await rig.answer(
          hint,
          cannot ? { ok: false, code: "read_only", message: "disk full" } : { ok: true },
        );
      }
    }
    expect(rig.pending()).to.deep.equal({ [owner]: 1 });
  });

  it("that is kept for whoever gains it goes to that one alone", async () => {
    rig.serve(transfer);
    await rig.keep(moved, "a", gaining[0]!);
    connectAll();
    expect((await sentAfter()).map(({ to }) => to)).to.deep.equal([gaining[0]]);
  });

  it("goes to nobody once this node's copies are given up, also what was being read when it learnt that", async () => {
    const left = changed(before, leave(member(0))).ended;
    const released = stepped(left, { kind: "release", node: SELF });
    const others = before.members.map(({ id }) => id).filter((id) => id !== SELF);
    for (const id of others) rig.connected.add(id);
    await rig.keep(moved, "a", owner);
    rig.serve(left);
    const read = rig.store.hintsFor.bind(rig.store);
    rig.store.hintsFor = (asked) => {
      if (asked.owner === owner) rig.serve(released);
      return read(asked);
    };
    const looks = (): number => rig.events.filter(({ kind }) => /^(hints|orphans)_sent$/.test(kind)).length;
    expect(await sentAfter()).to.deep.equal([]);
    expect(looks()).to.equal(1);
    rig.store.hintsFor = read;
    expect(await sentAfter(10 * INTERVAL_MS)).to.deep.equal([]);
    expect(looks()).to.equal(1);
    expect(rig.pending()).to.deep.equal({ [owner]: 1 });
    rig.serve(left);
    expect(await sentAfter(10 * INTERVAL_MS)).to.not.deep.equal([]);
  });
});
