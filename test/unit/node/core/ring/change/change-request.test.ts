import { expect } from "chai";
import { CHANGED_NODES_MAX, refusalOf } from "../../../../../../node/core/ring/change/change-request.ts";
import type { RingChange } from "../../../../../../node/core/ring/ring.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";
import { join, leave, replace } from "./change-scenes.ts";

describe("change request", () => {
  const members = membersOf(4);
  const ring = ringOf({ members, partitions: 64 });
  const [a, b] = members;
  const [x, y] = [member(90), member(91)];
  const change: RingChange = { changeId: "c-7", type: "join", phase: "transfer", nextOwners: ring.owners };

  it("is allowed where a ring of at least N members is left", () => {
    for (const request of [join(x, y), leave(a!), replace([a!, b!], [x, y])])
      expect(refusalOf(ring, request)).to.equal(undefined);
  });

  it("lets a ring of fewer members than N grow and be mended, not shrink", () => {
    const small = ringOf({ members: membersOf(2), partitions: 64 });
    expect(refusalOf(small, join(x))).to.equal(undefined);
    expect(refusalOf(small, replace([a!], [x]))).to.equal(undefined);
    expect(refusalOf(small, leave(a!))).to.include({ code: "too_few_members" });
  });

  const many = Array.from({ length: CHANGED_NODES_MAX + 1 }, (_, n) => member(1_000 + n));
  const cases = [
    [
      "another change is under way",
      { ring: { ...ring, change }, request: join(x) },
      "change_under_way",
      /c-7/,
    ],
    ["it names nobody", { ring, request: join() }, "nothing_to_change", /join names no node/],
    ["a join lets nodes leave", { ring, request: { ...leave(a!), type: "join" } }, "wrong_type", /replace/],
    ["a leave lets nodes join", { ring, request: { ...join(x), type: "leave" } }, "wrong_type", /replace/],
    [
      "it replaces one by two",
      { ring, request: replace([a!], [x, y]) },
      "unequal_replacement",
      /1 leave and 2 join/,
    ],
    ["it names a node twice", { ring, request: join(x, x) }, "named_twice", new RegExp(x.id)],
    [
      "it replaces a node by itself",
      { ring, request: replace([a!], [a!]) },
      "named_twice",
      new RegExp(a!.id),
    ],
    ["who joins is a member", { ring, request: join(x, a!) }, "already_member", new RegExp(a!.id)],
    ["who leaves is none", { ring, request: leave(x) }, "unknown_node", new RegExp(x.id)],
    [
      "fewer than N members were left",
      { ring, request: leave(a!, b!) },
      "too_few_members",
      /2 of 4 members .* fewer than the 3 copies/,
    ],
    ["it names too many at once", { ring, request: join(...many) }, "too_many_members", /501/],
  ] as const;
  for (const [title, { ring: of, request }, code, message] of cases) {
    it(`is refused where ${title}`, () => {
      const refusal = refusalOf(of, request);
      expect(refusal).to.include({ ok: false, code });
      expect(refusal?.message).to.match(message);
    });
  }
});
