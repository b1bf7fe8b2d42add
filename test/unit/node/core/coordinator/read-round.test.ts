import { expect } from "chai";
import { decodeOutcome, encodeForwarded } from "../../../../../node/core/coordinator/forwarding.ts";
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
    const own = shownCopy({ text: "own" }, "digest");
    rig.ownRead = ({ want }) => (want === "digest" ? Promise.resolve(own) : new Promise(() => undefined));
    const options = { r: 2, w: undefined, pr: undefined, pw: undefined, timeoutMs: 500 };
    const request = { ...CART, requestId: "get", options };
    let outcome: unknown = "still waiting";
    void rig.coordinator.acceptForwarded(encodeForwarded({ operation: "get", request })).then((body) => {
      outcome = decodeOutcome(body);
    });
    const [first] = await rig.sent();
    await rig.show(first!, shownCopy({ text: "other" }, "record"));
    await rig.advance(600);
    await rig.sent();
    expect(outcome).to.include({ kind: "failed", code: "quorum_unreachable" });
  });
});
