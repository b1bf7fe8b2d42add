import { expect } from "chai";
import type { RingPlan } from "../../../../node/contract/ring-change-types.ts";
import type { Ring } from "../../../../node/core/ring/ring.ts";
import type { Lack } from "../../../../node/core/ring/change/change-progress.ts";
import { DynamoRingAdmin, type RingAdminParts } from "../../../../node/http/dynamo-ring-admin.ts";
import { changed, raised } from "../core/ring/change/elastic-rings.ts";
import { member, membersOf, nodeId, ringOf } from "../core/ring/made-ring.ts";

const PARTITIONS = 16;

/** Node 0 of three, which has met nodes 3 and 4 too. Every partition has `keys` keys. */
function adminOf(
  ring: Ring | undefined,
  { keys = 10, lacks = [] as readonly Lack[], disk = true } = {},
): DynamoRingAdmin {
  const peers = [1, 2, 3, 4].map((n) => ({ id: nodeId(n), address: `10.0.0.${n}:7080`, zone: "" }));
  const summaries = Array.from({ length: PARTITIONS }, () => ({ root: new Uint8Array(16), keys }));
  return new DynamoRingAdmin({
    self: { id: nodeId(0), address: "10.0.0.0:7080", zone: "" },
    directory: { peers: () => peers },
    membership: { known: () => [] },
    ring: { current: () => ring, hash: () => "ab" },
    changes: { lacks: () => lacks },
    store: {
      partitionRoots: () =>
        Promise.resolve(
          disk ? { status: "read", partitions: summaries } : { status: "failed", message: "disk" },
        ),
    },
    storage: () => ({ keys: PARTITIONS * keys, bytes: PARTITIONS * keys * 100 }),
    timers: { after: () => () => {} },
  } as unknown as RingAdminParts);
}

const settled = raised(ringOf({ members: membersOf(3), partitions: PARTITIONS }));
const join = { type: "join", joining: [nodeId(3), nodeId(4)], leaving: [] } as const;

async function planned(admin: DynamoRingAdmin): Promise<RingPlan> {
  const outcome = await admin.plan(join);
  if (outcome.kind !== "planned") throw new Error(outcome.kind);
  return outcome.plan;
}

describe("a plan on the admin port", () => {
  it("says who has how much before and after, which copies move, and about how many bytes", async () => {
    const plan = await planned(adminOf(settled));
    expect(plan).to.include({ epoch: settled.epoch, hash: "ab", type: "join" });
    const joined = plan.nodes.find(({ id }) => id === nodeId(3))!;
    expect(joined).to.include({ address: "10.0.0.3:7080" });
    expect([joined.owned.before, joined.copies.before]).to.deep.equal([0, 0]);
    const received = plan.transfers.filter(({ to }) => to === nodeId(3)).length;
    expect(received).to.equal(joined.copies.after);
    expect(joined.bytesGained).to.equal(received * 10 * 100);
    expect(plan.bytesMoved).to.equal(plan.transfers.length * 10 * 100);
    expect(plan.transfers.every(({ from }) => from !== null)).to.equal(true);
  });

  it("has no bytes where the disk gives no answer, and moves nothing of an empty store", async () => {
    const blind = await planned(adminOf(settled, { disk: false }));
    expect([blind.bytesMoved, blind.nodes[0]!.bytesGained]).to.deep.equal([null, null]);
    expect((await planned(adminOf(settled, { keys: 0 }))).bytesMoved).to.equal(0);
  });

  it("is refused without a ring, with a node that nobody has met, and as the ring refuses it", async () => {
    expect(await adminOf(undefined).plan(join)).to.deep.equal({ kind: "no_ring" });
    const stranger = await adminOf(settled).plan({ ...join, joining: [nodeId(9)] });
    expect(stranger).to.include({ kind: "refused", code: "not_joinable" });
    const leave = await adminOf(settled).plan({ type: "leave", joining: [], leaving: [nodeId(1)] });
    expect(leave).to.include({ kind: "refused", code: "too_few_members" });
  });
});

describe("the progress of a change on the admin port", () => {
  const { transfer, flipped } = changed(settled, {
    type: "join",
    joining: [member(3), member(4)],
    leaving: [],
  });

  it("is undefined without a change", () => {
    expect(adminOf(settled).progress()).to.equal(undefined);
    expect(adminOf(undefined).progress()).to.equal(undefined);
  });

  it("counts the copies that are complete and says what the next step waits for", () => {
    const lacks = [{ partition: 2, node: nodeId(3), has: 1, needs: 2 }];
    const progress = adminOf(transfer, { lacks }).progress()!;
    expect(progress).to.include({ phase: "transfer", type: "join", node: nodeId(3), epoch: transfer.epoch });
    expect(progress.joining).to.deep.equal([nodeId(3), nodeId(4)]);
    expect(progress.total - progress.moved).to.equal(1);
    expect(progress.waitsFor).to.include("partition 2").and.include("1 of 2");
    expect(adminOf(transfer).progress()!.waitsFor).to.equal("");
    const ending = adminOf(flipped, {
      lacks: [{ partition: 0, node: undefined, has: 1, needs: 2 }],
    }).progress()!;
    expect([ending.phase, ending.moved]).to.deep.equal(["flipped", ending.total]);
    expect(ending.waitsFor).to.include("take over");
  });
});
