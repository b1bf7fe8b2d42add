import { expect } from "chai";
import { md5Digester } from "../../../../../../node/adapters/md5.ts";
import type { Step } from "../../../../../../node/core/ring/change/change-steps.ts";
import type { NumberedRing } from "../../../../../../node/core/ring/ring-number.ts";
import {
  answerBallot,
  type Ballots,
  serveDecided,
  takeBallot,
} from "../../../../../../node/core/ring/paxos/acceptor.ts";
import type { Ballot } from "../../../../../../node/core/ring/paxos/ballot.ts";
import { baseOf, type PaxosMessage } from "../../../../../../node/core/ring/paxos/paxos-messages.ts";
import { ringDigest } from "../../../../../../node/core/ring/ring-document.ts";
import type { Ring } from "../../../../../../node/core/ring/ring.ts";
import { beginningOf, changed, raised, stepped, storeOf } from "../change/elastic-rings.ts";
import { join, leave } from "../change/change-scenes.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";

const numbered = (ring: Ring): NumberedRing => ({ ring, digest: ringDigest(ring, md5Digester) });
const settled = raised(ringOf({ members: membersOf(3), partitions: 8 }));
const epochs = changed(settled, join(member(3)));
const [self, other] = [nodeId(0), nodeId(1)];
const ballot = (round: number, node = other): Ballot => ({ round, node });
const ballotsOn = (ring: Ring, n = 0): Ballots => ({
  served: numbered(ring),
  store: { id: storeOf(self, n), adopted: false },
  promised: undefined,
  accepted: undefined,
});
const prepare = (ring: Ring, by: Ballot) =>
  ({ kind: "prepare", base: baseOf(numbered(ring)), ballot: by }) satisfies PaxosMessage;
const accept = (ring: Ring, by: Ballot, next: Ring = epochs.transfer) =>
  ({
    kind: "accept",
    base: baseOf(numbered(ring)),
    ballot: by,
    value: numbered(next),
  }) satisfies PaxosMessage;

describe("acceptor", () => {
  it("promises once, saves once, and answers a doubled message the same", () => {
    const first = answerBallot(ballotsOn(settled), prepare(settled, ballot(1)), self);
    expect(first.answer).to.include({ kind: "promised", accepted: undefined });
    expect(first.next.promised).to.deep.equal(ballot(1));
    const again = answerBallot(first.next, prepare(settled, ballot(1)), self);
    expect(again.next).to.equal(first.next);
    expect(again.answer).to.deep.equal(first.answer);
  });

  it("votes for no ballot below its promise, by round first and node next", () => {
    const { next } = answerBallot(ballotsOn(settled), prepare(settled, ballot(2)), self);
    for (const message of [
      prepare(settled, ballot(1)),
      accept(settled, ballot(2, self)),
      accept(settled, ballot(1)),
    ]) {
      const { next: after, answer } = answerBallot(next, message, self);
      expect(after).to.equal(next);
      expect(answer).to.deep.include({ kind: "overtaken", promised: ballot(2) });
    }
    expect(answerBallot(next, prepare(settled, ballot(2, nodeId(2))), self).answer.kind).to.equal("promised");
  });

  it("votes without having promised, and tells later ballots of its vote", () => {
    const voted = answerBallot(ballotsOn(settled), accept(settled, ballot(3)), self);
    expect(voted.answer.kind).to.equal("accepted");
    const { answer } = answerBallot(voted.next, prepare(settled, ballot(4)), self);
    expect(answer).to.have.nested.property("accepted.value.digest", numbered(epochs.transfer).digest);
    expect(answer).to.have.nested.property("accepted.ballot.round", 3);
  });

  it("answers whoever is behind with the decided ring, an older generation too", () => {
    const { answer } = answerBallot(ballotsOn(epochs.transfer), prepare(settled, ballot(1)), self);
    expect(answer).to.deep.equal({ kind: "decided", ring: numbered(epochs.transfer) });
    const recovered = { ...settled, generation: 1, epoch: 2 };
    expect(answerBallot(ballotsOn(recovered), prepare(epochs.ended, ballot(1)), self).answer.kind).to.equal(
      "decided",
    );
  });

  const lost: Step = { kind: "admit", node: self, ringStore: storeOf(self, 1) };
  const forked = { ...settled, featureLevel: 3 };
  const left = changed(raised(ringOf({ members: membersOf(4), partitions: 8 })), leave(member(0)));
  const first = ringOf({ members: membersOf(3), partitions: 8 });
  const cases: readonly (readonly [
    string,
    Ballots,
    PaxosMessage & { kind: "prepare" | "accept" },
    RegExp,
  ])[] = [
    ["it is behind", ballotsOn(settled), prepare(epochs.transfer, ballot(1)), /behind, at epoch 2/],
    ["it serves another ring of that number", ballotsOn(settled), prepare(forked, ballot(1)), /another ring/],
    [
      "it leaves and the ring has flipped",
      ballotsOn(left.flipped),
      prepare(left.flipped, ballot(1)),
      /does not decide/,
    ],
    ["its ring store is new", ballotsOn(settled, 1), prepare(settled, ballot(1)), /is new/],
    [
      "it has learnt its first ring from a peer, in format 1",
      { ...ballotsOn(first), store: { id: storeOf(self), adopted: true } },
      prepare(first, ballot(1)),
      /is new/,
    ],
    [
      "the value is two steps ahead",
      ballotsOn(settled),
      accept(settled, ballot(1), epochs.flipped),
      /no next epoch/,
    ],
    [
      "the value is of format 1",
      ballotsOn(settled),
      accept(settled, ballot(1), { ...first, epoch: 3 }),
      /no next epoch/,
    ],
    [
      "the value is of another cluster",
      ballotsOn(settled),
      accept(settled, ballot(1), { ...epochs.transfer, clusterId: "x" }),
      /no next epoch/,
    ],
  ];
  for (const [title, ballots, message, reason] of cases) {
    it(`abstains where ${title}`, () => {
      const { next, answer } = answerBallot(ballots, message, self);
      expect(next).to.equal(ballots);
      expect(answer.kind).to.equal("abstained");
      expect(answer).to.have.property("reason").that.matches(reason);
    });
  }

  it("votes again with its new store once an epoch lists it", () => {
    const admitted = stepped(settled, lost);
    const begun = stepped(admitted, beginningOf(admitted, join(member(3))));
    expect(
      answerBallot(ballotsOn(admitted, 1), accept(admitted, ballot(1), begun), self).answer.kind,
    ).to.equal("accepted");
    expect(
      answerBallot(ballotsOn(admitted, 0), accept(admitted, ballot(1), begun), self).answer.kind,
    ).to.equal("abstained");
  });

  it("takes for itself a ballot above all it has promised and seen, and keeps it as a promise", () => {
    const { next } = answerBallot(ballotsOn(settled), prepare(settled, ballot(5)), self);
    const taken = takeBallot(next, ballot(2), self);
    expect(taken.ballot).to.deep.equal(ballot(6, self));
    expect(taken.next.promised).to.deep.equal(taken.ballot);
    expect(takeBallot(next, ballot(9), self).ballot).to.deep.equal(ballot(10, self));
    expect(takeBallot(ballotsOn(settled), undefined, self).ballot).to.deep.equal(ballot(1, self));
  });

  it("serves a later ring without the votes on the former, and no earlier one", () => {
    const { next } = answerBallot(ballotsOn(settled), accept(settled, ballot(1)), self);
    const served = serveDecided(next, numbered(epochs.flipped))!;
    expect(served).to.deep.equal({ ...ballotsOn(epochs.flipped) });
    expect(serveDecided(served, numbered(epochs.transfer))).to.equal(undefined);
    expect(serveDecided(served, numbered({ ...settled, generation: 1 }))).to.have.nested.property(
      "served.ring.epoch",
      2,
    );
    expect(
      serveDecided(serveDecided(served, numbered({ ...settled, generation: 1 }))!, numbered(epochs.ended)),
    ).to.equal(undefined);
  });
});
