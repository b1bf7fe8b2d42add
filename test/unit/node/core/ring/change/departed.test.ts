import { expect } from "chai";
import { departedOf, isGivenUp } from "../../../../../../node/core/ring/change/departed.ts";
import { checkElasticRing } from "../../../../../../node/core/ring/change/elastic-ring.ts";
import { recoveredRing } from "../../../../../../node/core/ring/change/recovered-ring.ts";
import { fence } from "../../../../../../node/core/ring/change/fence.ts";
import { stepBetween, takeStep } from "../../../../../../node/core/ring/change/change-steps.ts";
import { RingInvalid } from "../../../../../../node/core/ring/ring-check.ts";
import { parseRing, ringBytes } from "../../../../../../node/core/ring/ring-document.ts";
import type { Ring } from "../../../../../../node/core/ring/ring.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";
import { join, leave, replace } from "./change-scenes.ts";
import { changed, raised, stepped, storeOf } from "./elastic-rings.ts";

const first = ringOf({ members: membersOf(4), partitions: 8 });
const settled = raised(first);
const left = changed(settled, leave(member(3))).ended;
const released = stepped(left, { kind: "release", node: nodeId(3) });
const given = (ring: Ring): boolean[] => [0, 3, 4].map((n) => isGivenUp(ring, nodeId(n)));

describe("departed nodes", () => {
  it("are those that leave, those that a cancelled change does not let join, and those that a recovery leaves behind", () => {
    expect(departedOf(left)).to.deep.equal([nodeId(3)]);
    const { ended, cancelled, transfer, flipped } = changed(settled, replace([member(1)], [member(4)]));
    expect(departedOf(ended)).to.deep.equal([nodeId(1)]);
    expect(departedOf(cancelled)).to.deep.equal([nodeId(4)]);
    for (const ring of [first, settled, transfer, flipped]) expect(departedOf(ring)).to.deep.equal([]);
    const recovered = recoveredRing(left, [{ id: nodeId(2), ringStore: storeOf(nodeId(2)) }]);
    expect(recovered.ok && departedOf(recovered.ring)).to.deep.equal([0, 1, 3].map(nodeId));
  });

  it("stay so over other changes, until they are released or join again", () => {
    const others = changed(left, join(member(4)));
    for (const ring of Object.values(others)) expect(departedOf(ring)).to.include(nodeId(3));
    const again = changed(left, join(member(3)));
    expect(departedOf(again.transfer)).to.deep.equal([]);
    expect(departedOf(again.ended)).to.deep.equal([]);
    expect(departedOf(again.cancelled)).to.deep.equal([nodeId(3)]);
    expect(departedOf(released)).to.deep.equal([]);
    expect(released).to.not.have.property("departed");
  });

  it("are released one at a time, in a settled ring, which from then on takes nothing planned before", () => {
    expect(released).to.include({ epoch: left.epoch + 1, acceptsFrom: left.epoch + 1 });
    expect([fence(left, settled), fence(released, left)]).to.deep.equal(["stale", "stale"]);
    const codeOf = (ring: Ring, n: number): string => {
      const outcome = takeStep(ring, { kind: "release", node: nodeId(n) });
      return outcome.ok ? "ok" : outcome.code;
    };
    expect([codeOf(released, 3), codeOf(left, 0), codeOf(left, 3)]).to.deep.equal([
      "nothing_to_release",
      "nothing_to_release",
      "ok",
    ]);
    expect(codeOf(changed(left, join(member(4))).transfer, 3)).to.equal("change_under_way");
    expect(stepBetween(left, released)).to.deep.equal({ kind: "release", node: nodeId(3) });
    expect(stepBetween(left, { ...released, acceptsFrom: left.acceptsFrom })).to.equal(undefined);
  });

  it("give their copies away; what a node has that is neither a member nor departed is given up", () => {
    expect(given(settled)).to.deep.equal([false, false, true]);
    expect(given(left)).to.deep.equal([false, false, true]);
    expect(given(released)).to.deep.equal([false, true, true]);
    const back = changed(released, join(member(3)));
    for (const ring of [back.transfer, back.flipped, back.ended, back.cancelled])
      expect(isGivenUp(ring, nodeId(3))).to.equal(false);
    expect(given(first), "a ring of format 1 never lost a member").to.deep.equal([false, false, false]);
  });

  it("are part of the document, which names what is wrong with them", () => {
    expect(parseRing(ringBytes(left))).to.deep.equal(left);
    expect(new TextDecoder().decode(ringBytes(left))).to.match(
      new RegExp(`"acceptsFrom":\\d+,"departed":\\["${nodeId(3)}"\\]}$`),
    );
    const wrong: readonly unknown[] = [
      [],
      "x",
      ["x"],
      [nodeId(0)],
      [nodeId(5), nodeId(4)],
      [nodeId(5), nodeId(5)],
    ];
    for (const departed of wrong)
      expect(() => checkElasticRing({ ...left, departed }))
        .to.throw(RingInvalid)
        .with.property("field")
        .that.matches(/^departed/);
  });
});
