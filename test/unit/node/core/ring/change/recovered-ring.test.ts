import { expect } from "chai";
import { fence } from "../../../../../../node/core/ring/change/fence.ts";
import { recoveredRing, type Survivor } from "../../../../../../node/core/ring/change/recovered-ring.ts";
import { preferenceLists } from "../../../../../../node/core/ring/preference-list.ts";
import type { RingMember } from "../../../../../../node/core/ring/ring.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";
import { join } from "./change-scenes.ts";
import { changed, raised, storeOf } from "./elastic-rings.ts";

/** Each with the ring store that it drew as the n-th after the one that is listed. */
const survivorsOf = (members: readonly Pick<RingMember, "id">[], n = 0): Survivor[] =>
  members.map(({ id }) => ({ id, ringStore: storeOf(id, n) }));
const first = ringOf({ members: membersOf(5), partitions: 64 });
const settled = raised(first);

describe("recovered ring", () => {
  it("goes on with the survivors, one generation and epoch higher, and fences every older request", () => {
    for (const ring of [first, settled, changed(settled, join(member(5))).flipped]) {
      const outcome = recoveredRing(ring, survivorsOf(membersOf(2), 1));
      if (!outcome.ok) throw new Error(outcome.message);
      const { generation, epoch, members, change, format } = outcome.ring;
      expect({ generation, epoch, change, format }).to.deep.equal({
        generation: 1,
        epoch: ring.epoch + 1,
        change: null,
        format: 2,
      });
      expect(members.map(({ id }) => id)).to.deep.equal(membersOf(2).map(({ id }) => id));
      expect(
        members.every(({ id, ringStore, state }) => ringStore === storeOf(id, 1) && state === "active"),
      ).to.equal(true);
      for (const { owners } of preferenceLists(outcome.ring)) expect(owners).to.have.length(2);
      expect(fence(outcome.ring, { generation: 0, epoch: 1_000 })).to.equal("stale");
      expect(fence(ring, outcome.ring)).to.equal("fetch");
    }
  });

  it("leaves partitions with survivors that own them", () => {
    const outcome = recoveredRing(settled, survivorsOf(membersOf(2)));
    if (!outcome.ok) throw new Error(outcome.message);
    settled.owners.forEach((owner, partition) => {
      if (owner < 2) expect(outcome.ring.owners[partition]).to.equal(owner);
    });
  });

  it("is refused where a majority of those that decide survives, or a survivor is a stranger, or there is none", () => {
    const codeOf = (survivors: readonly Survivor[]): string => {
      const outcome = recoveredRing(settled, survivors);
      return outcome.ok ? "ok" : outcome.code;
    };
    expect(codeOf(survivorsOf(membersOf(3)))).to.equal("majority_survives");
    expect(codeOf(survivorsOf([member(9)]))).to.equal("unknown_node");
    const [one, ...others] = membersOf(5);
    expect(codeOf([...survivorsOf([one!]), ...survivorsOf(others, 1)]), "one of five has a vote").to.equal(
      "ok",
    );
    expect(codeOf([])).to.equal("invalid_document");
    // With the flip the two that leave decide no more: the other three are all that decide.
    const { flipped } = changed(settled, {
      type: "leave",
      joining: [],
      leaving: [member(3).id, member(4).id],
    });
    const outcome = recoveredRing(flipped, survivorsOf(membersOf(2)));
    expect(outcome).to.include({ ok: false, code: "majority_survives" });
  });
});
