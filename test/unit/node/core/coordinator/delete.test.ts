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

  it("acknowledges nothing where stand-ins that never saw the key are all that answer: its owners may have it", async () => {
    const rig = new CoordinatorRig({ at: 3, members: membersOf(5) });
    for (const owner of rig.list.owners) rig.unreachable.add(owner);
    const outcome = rig.delete("mine");
    const [digest] = await rig.sent();
    expect(digest).to.include({ to: rig.node(4) });
    await rig.show(digest!, { status: "not_found" });
    const failed = await outcome;
    expect(failed).to.include({ kind: "failed", code: "quorum_unreachable", maybeApplied: false });
    expect(failed.kind === "failed" && failed.message).to.match(/0 of r=2 owners .* retry .* context/);
    expect(await rig.sent(), "nothing was written").to.deep.equal([]);
  });

  it("counts no stand-in beside an owner that has nothing", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.unreachable.add(rig.node(1)).add(rig.node(2));
    const outcome = rig.delete("mine");
    const [digest] = await rig.sent();
    expect(digest).to.include({ to: rig.node(3) });
    await rig.show(digest!, { status: "not_found" });
    expect(await outcome).to.include({ kind: "failed", code: "quorum_unreachable", maybeApplied: false });
  });

  it("writes nothing where R owners have nothing", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    const outcome = rig.delete("mine");
    const [digest] = await rig.sent();
    expect(digest).to.include({ to: rig.node(1) });
    await rig.show(digest!, { status: "not_found" });
    expect(await outcome).to.deep.equal({ kind: "written", context: new Uint8Array(0) });
    expect(await rig.sent()).to.deep.equal([]);
  });

  it("writes its own where W owners hold the tombstone, but fewer than R were heard", async () => {
    const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
    rig.unreachable.add(rig.node(1)).add(rig.node(2));
    rig.ownRead = async ({ want }) => shownCopy(deletion, want);
    const outcome = rig.delete("mine", { w: 1 });
    const [digest] = await rig.sent();
    await rig.show(digest!, { status: "not_found" });
    const written = (await rig.sent()).filter(({ request }) => request.kind === "replicate");
    expect(written.map(({ to }) => to)).to.include(rig.node(3));
    expect((await outcome).kind).to.equal("written");
  });
});
