import { expect } from "chai";
import { decodeOutcome, encodeForwarded } from "../../../../../node/core/coordinator/forwarding.ts";
import type { CoordinatedWrite, ReplicaRead } from "../../../../../node/core/ports/replica-store.ts";
import { member, membersOf } from "../ring/made-ring.ts";
import { CART, CoordinatorRig, hash, type SentRequest } from "./coordinator-rig.ts";
import { positionOf } from "../../../../../node/core/ring/position.ts";

/** What a node shows that holds one put of `text`. */
async function copyOf(rig: CoordinatorRig, text: string, want: "record" | "digest"): Promise<ReplicaRead> {
  const write: CoordinatedWrite = {
    ...CART,
    position: positionOf(CART, hash),
    seen: new Uint8Array(0),
    tombstone: false,
    value: new TextEncoder().encode(text),
    contentType: "text/plain",
    modifiedMs: 1,
    requestId: text,
    keptFor: [],
  };
  const merged = await rig.mergedWrite(write).merged;
  if (!merged.ok) throw new Error(merged.message);
  const { record } = merged;
  const shown = want === "record" ? record : undefined;
  return { status: "found", record: shown, digest: hash.md5(record), keptFor: [] };
}

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
    await rig.show(digest!, await copyOf(rig, "v", "digest"));
    const [record] = await rig.sent();
    expect([record!.to, wantOf(record!)]).to.deep.equal([rig.node(1), "record"]);
    await rig.show(record!, await copyOf(rig, "v", "record"));
    const outcome = await get;
    expect(outcome.kind === "read" && outcome.siblings.length).to.equal(1);
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

  it("answers at the deadline where this node's own disk shows a digest and then no record", async () => {
    const rig = new CoordinatorRig({ at: 4, members: membersOf(5) });
    for (const i of [1, 2, 3]) rig.unreachable.add(rig.node(i));
    const own = await copyOf(rig, "own", "digest");
    rig.ownRead = ({ want }) => (want === "digest" ? Promise.resolve(own) : new Promise(() => undefined));
    const options = { r: 2, w: undefined, pr: undefined, pw: undefined, timeoutMs: 500 };
    const request = { ...CART, requestId: "get", options };
    let outcome: unknown = "still waiting";
    void rig.coordinator.acceptForwarded(encodeForwarded({ operation: "get", request })).then((body) => {
      outcome = decodeOutcome(body);
    });
    const [first] = await rig.sent();
    await rig.show(first!, await copyOf(rig, "other", "record"));
    await rig.advance(600);
    await rig.sent();
    expect(outcome).to.include({ kind: "failed", code: "quorum_unreachable" });
  });
});
