import { expect } from "chai";
import type { ReplicaRead } from "../../../../../node/core/ports/replica-store.ts";
import { membersOf } from "../ring/made-ring.ts";
import { CoordinatorRig, type SentRequest, shownCopy } from "./coordinator-rig.ts";

/** Where a get sends its repairs when the second owner shows `read`, and for whom that copy is to be kept. */
async function repairsAfter(read: ReplicaRead): Promise<{ to: string; keptFor: readonly string[] }[]> {
  const rig = new CoordinatorRig({ at: 0, members: membersOf(5) });
  rig.ownRead = async ({ want }) => shownCopy({ text: "v" }, want);
  const get = rig.get();
  const repairs: { to: string; keptFor: readonly string[] }[] = [];
  const look = async (): Promise<void> => {
    for (const sent of await rig.sent()) {
      const { to, request } = sent;
      if (request.kind === "replicate") repairs.push({ to, keptFor: request.body.keptFor });
      if (request.kind === "read") await answerRead(rig, sent, to === rig.node(1) ? read : undefined);
    }
  };
  for (let i = 0; i < 4; i++) await look();
  expect((await get).kind).to.equal("read");
  return repairs;
}

async function answerRead(
  rig: CoordinatorRig,
  sent: SentRequest,
  read: ReplicaRead | undefined,
): Promise<void> {
  if (sent.request.kind !== "read") throw new Error(`a ${sent.request.kind} request`);
  await rig.show(sent, read ?? shownCopy({ text: "v" }, sent.request.body.want));
}

describe("read repair", () => {
  const second = new CoordinatorRig({ at: 0, members: membersOf(5) }).node(1);

  it("sends the record to an owner that lacks it, and to none that has it", async () => {
    expect(await repairsAfter({ status: "not_found" })).to.deep.equal([{ to: second, keptFor: [] }]);
    expect(await repairsAfter(shownCopy({ text: "v" }, "digest"))).to.deep.equal([]);
  });

  it("replaces an owner's copy that failed its check", async () => {
    expect(await repairsAfter({ status: "corrupt" })).to.deep.equal([{ to: second, keptFor: [] }]);
  });
});
