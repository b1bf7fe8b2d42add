import { expect } from "chai";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { departing } from "../../../../../node/core/ring/change/departed.ts";
import { decideServing, NOTHING } from "../../../../../node/core/ring/kept-ring.ts";
import { ringDigest } from "../../../../../node/core/ring/ring-document.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { raised } from "./change/elastic-rings.ts";
import { membersOf, nodeId, ringOf } from "./made-ring.ts";

const numbered = (ring: Ring) => ({ ring, digest: ringDigest(ring, md5Digester) });
const settled = raised(ringOf({ members: membersOf(3), partitions: 8 }));
const self = nodeId(7);
const drawStore = (): string => "00000000000000aa";

describe("a node without a ring that meets one which does not list it as a member", () => {
  it("takes it over where that lists it as departed: it has lost its ring store, and has copies to hand over", () => {
    const ring = numbered(departing(settled, [self]));
    const decision = decideServing(NOTHING, ring, { self, drawStore });
    if (decision.kind !== "install") throw new Error(decision.kind);
    expect(decision.next.digest).to.equal(ring.digest);
    expect(decision.next.ballots.store).to.deep.equal({ id: drawStore(), adopted: false });
    const spare = { state: "none", store: "00000000000000bb" } as const;
    const kept = decideServing(spare, ring, { self, drawStore });
    expect(kept.kind === "install" && kept.next.ballots.store.id).to.equal(spare.store);
  });

  it("waits as a spare where that lists it not at all", () => {
    expect(decideServing(NOTHING, numbered(settled), { self, drawStore })).to.deep.equal({
      kind: "not_member",
    });
    const other = numbered(departing(settled, [nodeId(8)]));
    expect(decideServing(NOTHING, other, { self, drawStore })).to.deep.equal({ kind: "not_member" });
  });
});
