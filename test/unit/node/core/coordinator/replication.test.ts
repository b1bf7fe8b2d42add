import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { membersOf } from "../ring/made-ring.ts";
import { CoordinatorRig, type SentRequest } from "./coordinator-rig.ts";

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
});
