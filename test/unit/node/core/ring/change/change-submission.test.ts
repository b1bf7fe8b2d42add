import { expect } from "chai";
import { answerSubmission } from "../../../../../../node/core/ring/change/change-submission.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";
import { join } from "./change-scenes.ts";
import { changed, raised } from "./elastic-rings.ts";

describe("change submission", () => {
  const settled = raised(ringOf({ members: membersOf(4), partitions: 64 }));
  const { transfer, flipped, ended } = changed(settled, join(member(4)));
  const change = { changeId: "change-1", epoch: settled.epoch };

  it("is begun on the ring that it was asked for", () => {
    expect(answerSubmission(settled, change)).to.deep.equal({ kind: "begin" });
  });

  it("is under way where it comes a second time", () => {
    for (const ring of [transfer, flipped])
      expect(answerSubmission(ring, change)).to.deep.equal({ kind: "under_way" });
  });

  it("conflicts with another change and with a ring that has gone on, its own end included", () => {
    const other = answerSubmission(transfer, { ...change, changeId: "other" });
    expect(other)
      .to.deep.include({ kind: "conflict" })
      .with.property("message")
      .that.matches(/change-1 \(join\)/);
    expect(answerSubmission(ended, change)).to.have.property("kind", "conflict");
    expect(answerSubmission(settled, { ...change, epoch: 9 })).to.have.property("kind", "conflict");
  });
});
