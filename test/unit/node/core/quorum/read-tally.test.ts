import { expect } from "chai";
import { parseNodeId } from "../../../../../node/core/node-id.ts";
import { type FoundVote, ReadTally, type Vote } from "../../../../../node/core/quorum/read-tally.ts";

const node = (i: number) => parseNodeId(`00000000-0000-4000-8000-00000000000${i}`);
const [a, b, c, standIn, other] = [node(1), node(2), node(3), node(4), node(5)];
const found: FoundVote = { kind: "found", digest: new Uint8Array(16), record: undefined, keptFor: [] };
const hint: FoundVote = { ...found, keptFor: [c] };
const notFound: Vote = { kind: "not_found" };

describe("read tally", () => {
  it("counts an owner's record and an owner's not-found", () => {
    const tally = new ReadTally({ r: 2, pr: 0 }, { owners: [a, b, c], healthyOwners: [a, b, c] });
    tally.voted(a, found);
    expect(tally.reached).to.equal(false);
    tally.voted(b, notFound);
    expect(tally.reached).to.equal(true);
    expect(tally.ownersAnswered).to.equal(2);
  });

  it("counts a stand-in's record at once", () => {
    const tally = new ReadTally({ r: 2, pr: 0 }, { owners: [a, b, c], healthyOwners: [a, b] });
    tally.voted(standIn, hint);
    tally.voted(a, notFound);
    expect(tally.reached).to.equal(true);
  });

  it("counts what an owner of before a ring change has left no sooner than a not-found", () => {
    const tally = new ReadTally({ r: 2, pr: 0 }, { owners: [a, b, c], healthyOwners: [a, b, c] });
    tally.voted(a, found);
    tally.voted(other, found);
    expect(tally.reached, "it gets no writes any more").to.equal(false);
    tally.giveUpOnOwnersUnless((owner) => owner === a);
    expect(tally.reached, "nobody else is there").to.equal(true);
  });

  it("counts a stand-in's not-found only after every healthy owner has answered or is believed down", () => {
    const tally = new ReadTally({ r: 2, pr: 0 }, { owners: [a, b, c], healthyOwners: [a] });
    tally.voted(standIn, notFound);
    tally.voted(other, notFound);
    expect(tally.reached, "two stand-ins must not outvote the owner that has it").to.equal(false);
    tally.lost(a);
    expect(tally.reached, "that it could not say is no not-found").to.equal(false);
    tally.giveUpOnOwnersUnless(() => false);
    expect(tally.reached).to.equal(true);
    expect(tally.ownersAnswered).to.equal(0);
  });

  it("waits for no owner that is believed down meanwhile, and counts it if it answers all the same", () => {
    const tally = new ReadTally({ r: 2, pr: 0 }, { owners: [a, b, c], healthyOwners: [a, b] });
    tally.voted(a, found);
    tally.voted(standIn, notFound);
    tally.giveUpOnOwnersUnless(() => true);
    expect(tally.reached).to.equal(false);
    tally.giveUpOnOwnersUnless((owner) => owner !== b);
    expect(tally.reached).to.equal(true);
    tally.voted(b, found);
    expect(tally.ownersAnswered).to.equal(2);
  });

  it("does not count a stand-in for PR", () => {
    const tally = new ReadTally({ r: 2, pr: 2 }, { owners: [a, b, c], healthyOwners: [a, b] });
    tally.voted(a, found);
    tally.voted(standIn, hint);
    expect(tally.reached).to.equal(false);
    tally.voted(b, found);
    expect(tally.reached).to.equal(true);
  });

  it("takes a vote back when nothing is behind it", () => {
    const tally = new ReadTally({ r: 1, pr: 0 }, { owners: [a], healthyOwners: [a] });
    tally.voted(a, found);
    tally.lost(a);
    expect(tally.reached).to.equal(false);
  });

  it("shows what a recovering owner has, and counts neither that nor its not-found", () => {
    const tally = new ReadTally({ r: 1, pr: 0 }, { owners: [a, b, c], healthyOwners: [a, b] });
    tally.voted(standIn, notFound);
    tally.shown(a, found);
    expect(tally.reached).to.equal(false);
    expect(tally.ownersAnswered).to.equal(0);
    const shownBy: string[] = [];
    tally.forEachFound((from) => shownBy.push(from));
    expect(shownBy).to.deep.equal([a]);
    tally.shown(b, undefined);
    expect(tally.reached, "every healthy owner has answered, so the stand-in counts").to.equal(true);
    expect(tally.ownersAnswered).to.equal(0);
  });

  it("counts no stand-in's not-found beside an owner whose digest had nothing behind it", () => {
    const tally = new ReadTally({ r: 2, pr: 0 }, { owners: [a, b, c], healthyOwners: [a, b] });
    tally.voted(a, notFound);
    tally.voted(b, found);
    tally.lost(b);
    tally.voted(standIn, notFound);
    expect(tally.reached, "b has just shown the key").to.equal(false);
    tally.giveUpOnOwnersUnless((owner) => owner !== b);
    expect(tally.reached, "b is down").to.equal(true);
  });

  it("does not say not found where the only owners that are there have lost their data", () => {
    const tally = new ReadTally({ r: 2, pr: 0 }, { owners: [a, b, c], healthyOwners: [a] });
    tally.shown(a, undefined);
    tally.voted(standIn, notFound);
    tally.voted(other, notFound);
    expect(tally.reached).to.equal(false);
    tally.voted(other, found);
    expect(tally.reached, "a record is an answer").to.equal(true);
  });
});
