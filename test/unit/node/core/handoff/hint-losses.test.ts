import { expect } from "chai";
import { COMPARE, HintLosses } from "../../../../../node/core/handoff/hint-losses.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { ControlMessage } from "../../../../../node/core/ports/control-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { HintsLoss, OpenedStore } from "../../../../../node/core/ports/store-identity.ts";
import { preferenceLists } from "../../../../../node/core/ring/preference-list.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { at } from "../recovery/store-points.ts";

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Node 0 of a ring of five; the test plays its peers, its data.db and the clock. */
class Rig {
  readonly connected = new Set<NodeId>();
  readonly asked: NodeId[] = [];
  readonly events: CoreEvent[] = [];
  readonly losses: HintLosses;
  accepted = 0;
  isDiskFull: boolean;
  comparedItself = 0;
  #timers: (() => void)[] = [];

  constructor(hintsLost: HintsLoss | undefined, { hasRing = true, isDiskFull = false } = {}) {
    this.isDiskFull = isDiskFull;
    const ring = ringOf({ members: membersOf(5) });
    const lists = preferenceLists(ring);
    const opened: OpenedStore = {
      ...at(1, 1, 1),
      lostStores: [],
      recovering: false,
      isNew: false,
      hintsLost,
    };
    this.losses = new HintLosses({
      self: nodeId(0),
      ring: {
        current: () => (hasRing ? ring : undefined),
        hash: () => "",
        preferenceList: (partition) => lists[partition]!,
      },
      store: {
        opened: () => opened,
        acceptHints: () => {
          if (this.isDiskFull)
            return Promise.resolve({ ok: false, code: "read_only", message: "disk full" } as const);
          this.accepted += 1;
          return Promise.resolve({ ok: true });
        },
      },
      calls: {
        call: (to: NodeId, { type }: ControlMessage) => {
          this.asked.push(to);
          return Promise.resolve({ type, begun: type === COMPARE });
        },
      },
      timers: { after: (_, run) => (this.#timers.push(run), () => undefined), soon: (run) => run() },
      observer: { event: (event) => void this.events.push(event) },
      isConnected: (peer) => this.connected.has(peer),
      compareSoon: () => void (this.comparedItself += 1),
    });
    this.losses.start();
  }

  async pass(): Promise<void> {
    for (const run of this.#timers.splice(0)) run();
    await settle();
  }
}

describe("HintLosses", () => {
  it("asks every member to compare after hints.db was lost, each once, the absent when they are back", async () => {
    const rig = new Rig("replaced");
    expect(rig.events).to.deep.equal([{ kind: "hints_database_lost", reason: "replaced" }]);
    for (const n of [1, 2, 3]) rig.connected.add(nodeId(n));
    await rig.pass();
    await rig.pass();
    expect([rig.asked, rig.comparedItself]).to.deep.equal([[1, 2, 3].map(nodeId), 1]);
    expect([rig.losses.databaseLoss, rig.accepted]).to.deep.equal(["replaced", 0]);
    rig.connected.add(nodeId(4));
    await rig.pass();
    expect(rig.asked.at(-1)).to.equal(nodeId(4));
    expect([rig.losses.databaseLoss, rig.accepted]).to.deep.equal([undefined, 1]);
  });

  it("takes a hints.db that is new without a ring for a first start", () => {
    const rig = new Rig("missing", { hasRing: false });
    expect([rig.accepted, rig.events, rig.losses.databaseLoss]).to.deep.equal([1, [], undefined]);
  });

  it("says so at a first start as soon as the disk has room, or the next start would find a loss", async () => {
    const rig = new Rig("missing", { hasRing: false, isDiskFull: true });
    await settle();
    await rig.pass();
    expect(rig.accepted).to.equal(0);
    rig.isDiskFull = false;
    await rig.pass();
    await rig.pass();
    expect([rig.accepted, rig.events]).to.deep.equal([1, []]);
  });

  it("asks the owners of a hint that rotted, once for many, and names whom it was kept for", async () => {
    const rig = new Rig(undefined);
    for (const n of [1, 2, 3, 4]) rig.connected.add(nodeId(n));
    const place = { position: new Uint8Array(16).fill(9), owner: nodeId(2) };
    for (let i = 0; i < 50; i++) rig.losses.lost(place);
    expect(rig.events).to.have.length(50);
    expect(rig.events[0]).to.deep.include({ kind: "hint_lost", ownerId: nodeId(2) });
    await rig.pass();
    await rig.pass();
    expect(rig.asked.length + rig.comparedItself).to.equal(3);
    expect(rig.accepted).to.equal(0);
  });
});
