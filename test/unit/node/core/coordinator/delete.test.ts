import { expect } from "chai";
import { membersOf } from "../ring/made-ring.ts";
import { CoordinatorRig, shownCopy } from "./coordinator-rig.ts";

const deletion = { text: "", tombstone: true, requestId: "an earlier delete" };

describe("delete without a context", () => {
  it("writes nothing where W nodes hold the tombstone already", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.ownRead = async ({ want }) => shownCopy(deletion, want);
    const outcome = rig.delete("mine");
    const [digest] = await rig.sent();
    await rig.show(digest!, shownCopy(deletion, "digest"));
    expect((await outcome).kind).to.equal("written");
    expect(await rig.sent()).to.deep.equal([]);
  });

  it("writes its own where fewer nodes than W hold the tombstone of another delete", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.ownRead = async ({ want }) => shownCopy(deletion, want);
    void rig.delete("mine");
    const [digest] = await rig.sent();
    await rig.show(digest!, { status: "not_found" });
    const replicated = (await rig.sent()).filter(({ request }) => request.kind === "replicate");
    const written = replicated.filter(
      ({ request }) => request.kind === "replicate" && request.body.record.length > 0,
    );
    expect(written.map(({ to }) => to)).to.include(rig.node(2));
  });
});
