import { expect } from "chai";
import fc from "fast-check";
import { type Step, stepBetween, takeStep } from "../../../../../../node/core/ring/change/change-steps.ts";
import type { ElasticRing, Ring } from "../../../../../../node/core/ring/ring.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";
import { join, replace, scenes } from "./change-scenes.ts";
import { beginningOf, changed, raised, stepped, storeOf } from "./elastic-rings.ts";

const first = ringOf({ members: membersOf(4), partitions: 64 });
const settled = raised(first);
const { transfer, flipped, ended, cancelled } = changed(settled, join(member(4)));
const codeOf = (ring: Ring, step: Step): string => {
  const outcome = takeStep(ring, step);
  return outcome.ok ? "ok" : outcome.code;
};
const changeId = "change-1";

describe("change steps", () => {
  it("count one epoch each and keep cluster, generation and parameters", () => {
    const epochs = [first, settled, transfer, flipped, ended].map(({ epoch }) => epoch);
    expect(epochs).to.deep.equal([1, 2, 3, 4, 5]);
    expect(cancelled.epoch).to.equal(4);
    for (const { clusterId, generation, parameters } of [settled, transfer, flipped, ended, cancelled])
      expect({ clusterId, generation, parameters }).to.deep.equal({
        clusterId: first.clusterId,
        generation: first.generation,
        parameters: first.parameters,
      });
  });

  it("stop older requests at begin and flip, and at no other step", () => {
    expect(
      [settled, transfer, flipped, ended, cancelled].map(({ acceptsFrom }) => acceptsFrom),
    ).to.deep.equal([1, 3, 4, 4, 3]);
    const admitted = stepped(transfer, {
      kind: "admit",
      node: member(1).id,
      ringStore: storeOf(member(1).id, 1),
    });
    expect(admitted).to.include({ epoch: 4, acceptsFrom: 3 });
  });

  it("undo a cancelled change: members, owners and states are those of before", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        const before = raised(ring);
        const { members, owners, change } = changed(before, request).cancelled;
        expect({ members, owners, change }).to.deep.equal({
          members: before.members,
          owners: before.owners,
          change: null,
        });
      }),
      { numRuns: 30 },
    );
  });

  it("keep fields of a newer release", () => {
    const newer = { ...settled, future: 7, members: settled.members.map((of) => ({ ...of, weight: 2 })) };
    const { ended: after } = changed(newer, join(member(4)));
    expect(after).to.include({ future: 7 });
    expect(after.members.slice(0, 4).every((of) => (of as { weight?: number }).weight === 2)).to.equal(true);
  });

  const flip: Step = { kind: "flip", changeId };
  const end: Step = { kind: "end", changeId };
  const cancel: Step = { kind: "cancel", changeId };
  const begin = beginningOf(settled, join(member(4)));
  const ringStores = new Map(first.members.map(({ id }) => [id, storeOf(id)]));
  const illegal: readonly (readonly [string, Ring, Step, string])[] = [
    ["begin in format 1", first, begin, "feature_level"],
    ["a raise of what is raised", settled, { kind: "raise", ringStores }, "feature_level"],
    ["a raise without a member's store", first, { kind: "raise", ringStores: new Map() }, "feature_level"],
    [
      "a raise with what is no store",
      first,
      { kind: "raise", ringStores: new Map(first.members.map(({ id }) => [id, "x"])) },
      "invalid_document",
    ],
    ["begin while a change is under way", transfer, begin, "change_under_way"],
    ["begin after the flip", flipped, begin, "change_under_way"],
    ["flip of a settled ring", settled, flip, "no_change"],
    ["end of a settled ring", ended, end, "no_change"],
    ["cancel of a settled ring", cancelled, cancel, "no_change"],
    ["a second flip", flipped, flip, "wrong_phase"],
    ["end before the flip", transfer, end, "wrong_phase"],
    ["cancel after the flip", flipped, cancel, "wrong_phase"],
    ["flip of another change", transfer, { kind: "flip", changeId: "change-2" }, "other_change"],
    [
      "admission of a stranger",
      settled,
      { kind: "admit", node: member(9).id, ringStore: storeOf(member(9).id) },
      "unknown_node",
    ],
    [
      "admission of a listed store",
      settled,
      { kind: "admit", node: member(1).id, ringStore: storeOf(member(1).id) },
      "nothing_to_admit",
    ],
    [
      "begin that gives to a stranger",
      settled,
      { ...begin, nextOwners: new Array(64).fill(member(9).id) } as Step,
      "invalid_document",
    ],
    ["begin that gives too few", settled, { ...begin, nextOwners: [] } as Step, "invalid_document"],
    ["begin with a name of spaces", settled, { ...begin, changeId: " " } as Step, "invalid_document"],
    ["begin of a node that is there", settled, beginningLike([member(1)]), "already_member"],
  ];
  for (const [title, ring, step, code] of illegal)
    it(`refuse ${title}`, () => expect(codeOf(ring, step)).to.equal(code));

  it("are found again from the documents that they lead to", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        const before = raised(ring);
        const epochs = changed(before, request);
        const kinds = [
          stepBetween(ring, before),
          stepBetween(before, epochs.transfer),
          stepBetween(epochs.transfer, epochs.flipped),
          stepBetween(epochs.flipped, epochs.ended),
          stepBetween(epochs.transfer, epochs.cancelled),
        ].map((step) => step?.kind);
        expect(kinds).to.deep.equal(["raise", "begin", "flip", "end", "cancel"]);
      }),
      { numRuns: 30 },
    );
    const lost = member(2).id;
    for (const ring of [settled, transfer, flipped]) {
      const step: Step = { kind: "admit", node: lost, ringStore: storeOf(lost, 1) };
      expect(stepBetween(ring, stepped(ring, step))).to.deep.equal(step);
    }
  });

  it("are not found where a document is anything but one step ahead", () => {
    for (const [ring, next] of [
      [settled, settled],
      [settled, flipped],
      [settled, ended],
      [transfer, ended],
      [flipped, cancelled],
      [flipped, transfer],
      [first, transfer],
    ] as const)
      expect(stepBetween(ring, next)).to.equal(undefined);
    const other = changed(settled, join(member(5))).flipped;
    expect(stepBetween(transfer, other)).to.equal(undefined);
    const smuggled: readonly object[] = [
      { epoch: transfer.epoch + 1 },
      { generation: 1 },
      { clusterId: "other" },
      { featureLevel: 3 },
      { acceptsFrom: 1 },
      { future: 7 },
      { owners: [...transfer.owners].reverse() },
      { parameters: { ...transfer.parameters, replicas: 2 } },
      { members: transfer.members.map((of) => ({ ...of, ringStore: storeOf(of.id, 3) })) },
    ];
    for (const fault of smuggled)
      expect(stepBetween(settled, { ...transfer, ...fault }), JSON.stringify(fault)).to.equal(undefined);
  });

  it("are not found where a document refuses what a request would be refused", () => {
    const three = raised(ringOf({ members: membersOf(3), partitions: 64 }));
    const { transfer: legal } = changed(three, replace([member(0)], [member(3)]));
    // Relabelled as a leave of a node and a join of another, it would be no replace and shrink nothing.
    const relabelled = { ...legal, change: { ...legal.change!, type: "leave" } } as ElasticRing;
    expect(stepBetween(three, legal)?.kind).to.equal("begin");
    expect(stepBetween(three, relabelled)).to.equal(undefined);
  });
});

function beginningLike(joining: readonly ReturnType<typeof member>[]): Step {
  return {
    kind: "begin",
    changeId,
    type: "join",
    joining: joining.map((of) => ({ ...of, ringStore: storeOf(of.id) })),
    leaving: [],
    nextOwners: [],
  };
}
