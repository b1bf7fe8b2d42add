import { expect } from "chai";
import { md5Digester } from "../../../../../../node/adapters/md5.ts";
import { decodeKept, encodeKept } from "../../../../../../node/core/ring/kept-ring.ts";
import {
  decodeBallots,
  encodeBallots,
  type StoredBallots,
} from "../../../../../../node/core/ring/paxos/ballots-codec.ts";
import { RingInvalid } from "../../../../../../node/core/ring/ring-check.ts";
import { ringDigest } from "../../../../../../node/core/ring/ring-document.ts";
import type { Ring } from "../../../../../../node/core/ring/ring.ts";
import { changed, raised, storeOf } from "../change/elastic-rings.ts";
import { join } from "../change/change-scenes.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";

const numbered = (ring: Ring) => ({ ring, digest: ringDigest(ring, md5Digester) });
const first = ringOf({ members: membersOf(3), partitions: 8 });
const settled = raised(first);
const plain: StoredBallots = {
  served: numbered(first),
  store: { id: undefined, adopted: true },
  promised: undefined,
  accepted: undefined,
};
const ballot = { round: 3, node: nodeId(1) };
const voted: StoredBallots = {
  served: numbered(settled),
  store: { id: storeOf(nodeId(0)), adopted: false },
  promised: ballot,
  accepted: { ballot, value: numbered(changed(settled, join(member(3))).transfer) },
};
const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const fieldsOf = (stored: StoredBallots): object =>
  JSON.parse(new TextDecoder().decode(encodeBallots(stored))) as object;

describe("ballots codec", () => {
  it("brings back what a member promised and voted for", () => {
    for (const stored of [plain, voted, { ...voted, accepted: undefined }])
      expect(decodeBallots(encodeBallots(stored), md5Digester)).to.deep.equal(stored);
  });

  it("writes what kept-ring.ts writes while there is nothing more to keep, and reads it", () => {
    const kept = { state: "serving", adopted: true, ...plain.served } as const;
    expect(encodeBallots(plain)).to.deep.equal(encodeKept(kept));
    const named = { ...plain, store: { id: storeOf(nodeId(0)), adopted: true }, promised: ballot };
    expect(decodeKept(encodeBallots(named), md5Digester)).to.deep.equal(kept);
    expect(() => decodeKept(encodeBallots(voted), md5Digester)).to.throw(RingInvalid, "upgrade this node");
  });

  it("leaves a ring that is only proposed to kept-ring.ts", () => {
    expect(decodeBallots(encodeKept({ state: "proposed", ...plain.served }), md5Digester)).to.equal(
      undefined,
    );
  });

  it("is refused where it cannot be read: what was promised must not be forgotten", () => {
    const faults: readonly object[] = [
      { format: 2 },
      { state: "none" },
      { ring: null },
      { ringStore: "store" },
      { promised: { round: 0, node: nodeId(1) } },
      { accepted: { ballot } },
      { accepted: null },
    ];
    for (const fault of faults)
      expect(
        () => decodeBallots(bytesOf({ ...fieldsOf(voted), ...fault }), md5Digester),
        JSON.stringify(fault),
      ).to.throw(RingInvalid);
    for (const bytes of [new Uint8Array(), bytesOf(null), encodeBallots(voted).slice(0, -1)])
      expect(() => decodeBallots(bytes, md5Digester)).to.throw(RingInvalid);
  });
});
