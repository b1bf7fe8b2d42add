import { expect } from "chai";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { decodeKept, encodeKept } from "../../../../../node/core/ring/kept-ring-codec.ts";
import { type KeptRing, NOTHING, serving } from "../../../../../node/core/ring/kept-ring.ts";
import { RingInvalid } from "../../../../../node/core/ring/ring-check.ts";
import { ringDigest } from "../../../../../node/core/ring/ring-document.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { changed, raised, storeOf } from "./change/elastic-rings.ts";
import { join } from "./change/change-scenes.ts";
import { member, membersOf, nodeId, ringOf } from "./made-ring.ts";

const numbered = (ring: Ring) => ({ ring, digest: ringDigest(ring, md5Digester) });
const first = ringOf({ members: membersOf(3), partitions: 8 });
const settled = raised(first);
const own = storeOf(nodeId(0));
const ballot = { round: 3, node: nodeId(1) };
const plain = serving({
  served: numbered(first),
  store: { id: own, adopted: true },
  promised: undefined,
  accepted: undefined,
});
const voted = serving({
  served: numbered(settled),
  store: { id: own, adopted: false },
  promised: ballot,
  accepted: { ballot, value: numbered(changed(settled, join(member(3))).transfer) },
});
const promised = serving({ ...voted.ballots, accepted: undefined });
const recovering = serving({ ...promised.ballots, recovery: numbered({ ...settled, generation: 1 }) });
const proposed: KeptRing = { state: "proposed", ...numbered(first) };
const spare: KeptRing = { state: "none", store: own };

const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const fieldsOf = (kept: KeptRing): Record<string, unknown> =>
  JSON.parse(textOf(encodeKept(kept))) as Record<string, unknown>;
const decoded = (bytes: Uint8Array | undefined) => decodeKept(bytes, md5Digester, () => "f".repeat(16));

describe("kept ring codec", () => {
  it("brings back what a node accepted, promised and voted for, and the store of a spare", () => {
    for (const kept of [plain, promised, voted, recovering, spare])
      expect(decoded(encodeKept(kept))).to.deep.equal({ kept, isStoreNew: false });
    expect(decoded(encodeKept(proposed))).to.deep.equal({ kept: proposed, isStoreNew: true });
    expect(decoded(undefined)).to.deep.equal({ kept: NOTHING, isStoreNew: true });
  });

  it("writes what older releases write, and reads it: there the ring store gets its id now", () => {
    const older = { format: 1, state: "serving", adopted: true, ring: first };
    const { ringStore, ...fields } = fieldsOf(plain);
    expect(textOf(bytesOf(fields))).to.equal(textOf(bytesOf(older)));
    expect(ringStore).to.equal(own);
    const { kept, isStoreNew } = decoded(bytesOf(older));
    expect(isStoreNew).to.equal(true);
    expect(kept).to.deep.equal(serving({ ...plain.ballots, store: { id: "f".repeat(16), adopted: true } }));
    const before = { format: 1, state: "proposed", adopted: false, ring: first };
    expect(textOf(encodeKept(proposed))).to.equal(textOf(bytesOf(before)));
  });

  it("is refused where it cannot be read: what was promised must not be forgotten", () => {
    const faults: readonly object[] = [
      { format: 2 },
      { state: "melting" },
      { state: "none", ringStore: undefined },
      { ring: null },
      { ringStore: "store" },
      { promised: { round: 0, node: nodeId(1) } },
      { accepted: { ballot } },
      { accepted: null },
      { recovery: null },
    ];
    for (const fault of faults)
      expect(() => decoded(bytesOf({ ...fieldsOf(voted), ...fault })), JSON.stringify(fault)).to.throw(
        RingInvalid,
      );
    for (const bytes of [new Uint8Array(), bytesOf(null), encodeKept(voted).slice(0, -1)])
      expect(() => decoded(bytes)).to.throw(RingInvalid);
  });
});
