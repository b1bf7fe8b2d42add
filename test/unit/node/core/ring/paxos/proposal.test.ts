import { expect } from "chai";
import { md5Digester } from "../../../../../../node/adapters/md5.ts";
import type { NodeId } from "../../../../../../node/core/node-id.ts";
import type { NumberedRing } from "../../../../../../node/core/ring/ring-number.ts";
import type { Ballots } from "../../../../../../node/core/ring/paxos/acceptor.ts";
import { ATTEMPTS_MAX, Proposal } from "../../../../../../node/core/ring/paxos/proposal.ts";
import {
  type Acceptance,
  baseOf,
  type PaxosAnswer,
} from "../../../../../../node/core/ring/paxos/paxos-messages.ts";
import { ringDigest } from "../../../../../../node/core/ring/ring-document.ts";
import type { Ring } from "../../../../../../node/core/ring/ring.ts";
import { changed, raised, storeOf } from "../change/elastic-rings.ts";
import { join } from "../change/change-scenes.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";

const numbered = (ring: Ring): NumberedRing => ({ ring, digest: ringDigest(ring, md5Digester) });
const served = numbered(raised(ringOf({ members: membersOf(5), partitions: 8 })));
const wantedBy = (n: number): NumberedRing =>
  numbered(changed(raised(ringOf({ members: membersOf(5), partitions: 8 })), join(member(n))).transfer);
const [mine, theirs, third] = [wantedBy(5), wantedBy(6), wantedBy(7)];
const [self, b, c, d] = [nodeId(0), nodeId(1), nodeId(2), nodeId(3)];
const base = baseOf(served);
const ballots: Ballots = {
  served,
  store: { id: storeOf(self), adopted: false },
  promised: undefined,
  accepted: undefined,
};

/** A proposal in its first ballot, and answers to it. */
function begun() {
  const proposal = new Proposal({ self, served, wanted: mine });
  const { next, message } = proposal.attempt(ballots)!;
  if (message.kind !== "prepare") throw new Error(message.kind);
  const { ballot } = message;
  const promise = (from: NodeId, accepted?: Acceptance) =>
    proposal.answered(from, { kind: "promised", base, ballot, accepted });
  const vote = (from: NodeId) => proposal.answered(from, { kind: "accepted", base, ballot });
  return { proposal, next, ballot, promise, vote };
}

describe("proposal", () => {
  it("asks for votes once a majority has promised, and is decided once a majority has voted", () => {
    const { proposal, promise, vote, ballot, next } = begun();
    expect(next.promised).to.deep.equal(ballot);
    expect(proposal.voters).to.have.length(5);
    expect(promise(self)).to.equal(undefined);
    expect(promise(b)).to.equal(undefined);
    expect(promise(b)).to.equal(undefined);
    expect(promise(c)).to.deep.equal({ kind: "accept", base, ballot, value: mine });
    expect(promise(d)).to.equal(undefined);
    for (const from of [self, b, b]) vote(from);
    expect(proposal.decided).to.equal(undefined);
    vote(d);
    expect(proposal.decided).to.equal(mine);
    expect(proposal.won).to.equal(true);
  });

  it("finishes the value of the highest ballot that it finds, and has not won then", () => {
    const { proposal, promise, vote } = begun();
    promise(self, { ballot: { round: 1, node: c }, value: third });
    promise(b, { ballot: { round: 3, node: b }, value: theirs });
    expect(promise(c, { ballot: { round: 2, node: d }, value: mine })).to.have.property("value", theirs);
    for (const from of [self, b, c]) vote(from);
    expect(proposal.decided).to.equal(theirs);
    expect(proposal.won).to.equal(false);
  });

  it("has won where another has finished the very ring that it wanted", () => {
    const { proposal } = begun();
    proposal.answered(b, { kind: "decided", ring: numbered(mine.ring) });
    expect(proposal.won).to.equal(true);
  });

  it("takes a later ring for the outcome, and none that is not later", () => {
    const { proposal } = begun();
    proposal.answered(b, { kind: "decided", ring: served });
    expect(proposal.decided).to.equal(undefined);
    const later = numbered({ ...served.ring, generation: 1, epoch: 1 });
    proposal.answered(b, { kind: "decided", ring: later });
    expect(proposal.decided).to.equal(later);
    expect(proposal.won).to.equal(false);
    expect(proposal.attempt(ballots)).to.equal(undefined);
  });

  it("goes above whoever has overtaken it, and counts no answer to an earlier ballot, another base or of a stranger", () => {
    const { proposal, ballot } = begun();
    proposal.answered(b, { kind: "overtaken", base, ballot, promised: { round: 7, node: b } });
    const { message } = proposal.attempt(ballots)!;
    expect(message).to.have.deep.property("ballot", { round: 8, node: self });
    const late: PaxosAnswer = { kind: "promised", base, ballot, accepted: undefined };
    const now = { ...late, ballot: { round: 8, node: self } };
    for (const from of [self, b, c, d]) expect(proposal.answered(from, late)).to.equal(undefined);
    for (const from of [self, b, c])
      expect(proposal.answered(from, { ...now, base: { ...base, digest: "x" } })).to.equal(undefined);
    for (const n of [20, 21, 22]) expect(proposal.answered(nodeId(n), now)).to.equal(undefined);
    proposal.answered(self, now);
    proposal.answered(b, now);
    expect(proposal.answered(c, now)).to.have.property("kind", "accept");
  });

  it("says why voters abstain, and begins anew a bounded number of times", () => {
    const { proposal, ballot } = begun();
    proposal.answered(b, { kind: "abstained", base, ballot, reason: "its store is new" });
    expect([...proposal.abstained]).to.deep.equal([[b, "its store is new"]]);
    for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt++)
      expect(proposal.attempt(ballots)).to.not.equal(undefined);
    expect(proposal.attempt(ballots)).to.equal(undefined);
  });

  it("is not begun by a node that has lost its ring store, is no member, or serves a later ring", () => {
    const attempt = (given: Partial<Ballots>, by = self) =>
      new Proposal({ self: by, served, wanted: mine }).attempt({ ...ballots, ...given });
    expect(attempt({})).to.not.equal(undefined);
    expect(attempt({ store: { id: storeOf(self, 1), adopted: true } })).to.equal(undefined);
    expect(attempt({}, nodeId(20))).to.equal(undefined);
    expect(attempt({ served: theirs })).to.equal(undefined);
  });
});
