import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import {
  firstPass,
  type NoRoundReason,
  type PassQuestion,
  pauseOf,
  type SealAnswer,
  sealPauseMs,
  secondPass,
} from "../../../../../node/core/seal/seal-round.ts";
import { defaultSettings } from "../../../../../node/core/settings.ts";
import { changed, raised } from "../ring/change/elastic-rings.ts";
import { join } from "../ring/change/change-scenes.ts";
import { member, membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

const SEAL_PAUSE_MS = defaultSettings.sealPauseMs;

const ring = raised(ringOf({ members: membersOf(4), partitions: 8 }));
const question: PassQuestion = { ring, digest: "d1", records: 3 };
const good: SealAnswer = {
  ring: "d1",
  isRecovering: false,
  steadyMs: 10 * SEAL_PAUSE_MS,
  pauseMs: SEAL_PAUSE_MS,
  covered: [true, true, true],
};

/** All members answer well but one, who answers so; undefined for not at all. */
function answersWith(node: NodeId, answer: Partial<SealAnswer> | undefined): Map<NodeId, SealAnswer> {
  const answers = new Map(ring.members.map(({ id }) => [id, good]));
  if (answer === undefined) answers.delete(node);
  else answers.set(node, { ...good, ...answer });
  return answers;
}

const all = answersWith(nodeId(0), {});
const second = (asked: PassQuestion, answers: ReadonlyMap<NodeId, SealAnswer>, pausedMs = SEAL_PAUSE_MS) =>
  secondPass(asked, answers, { firstDigest: "d1", pausedMs, sinceFirstMs: pausedMs + 100 });

describe("seal round", () => {
  it("seals what every member has covered twice", () => {
    expect(firstPass(question, all)).to.deep.equal({ kind: "passed", covered: [0, 1, 2] });
    expect(second(question, all)).to.deep.equal({ kind: "passed", covered: [0, 1, 2] });
  });

  it("leaves out what one member, owner or not, holds something else of", () => {
    for (const { id } of ring.members) {
      const answers = answersWith(id, { covered: [true, false, true] });
      expect(firstPass(question, answers)).to.deep.equal({ kind: "passed", covered: [0, 2] });
      expect(second(question, answers)).to.deep.equal({ kind: "passed", covered: [0, 2] });
    }
  });

  const faults: readonly (readonly [string, Partial<SealAnswer> | undefined, NoRoundReason])[] = [
    ["does not answer", undefined, "silent"],
    ["serves another ring", { ring: "d2" }, "other_ring"],
    ["has lost data", { isRecovering: true }, "recovering"],
    ["answers about other records", { covered: [true, true] }, "malformed"],
  ];
  for (const [title, answer, reason] of faults) {
    it(`is none where any one member ${title}`, () => {
      for (const { id } of ring.members)
        for (const pass of [firstPass, second])
          expect(pass(question, answersWith(id, answer))).to.deep.equal({
            kind: "no_round",
            node: id,
            reason,
          });
    });
  }

  it("is none while the ring changes, in either phase, or has changed since the first pass", () => {
    const { transfer, flipped } = changed(ring, join(member(4)));
    for (const changing of [transfer, flipped]) {
      const answers = new Map(changing.members.map(({ id }) => [id, good]));
      for (const pass of [firstPass, second])
        expect(pass({ ...question, ring: changing }, answers)).to.include({
          kind: "no_round",
          reason: "changing",
        });
    }
    expect(second({ ...question, digest: "d2" }, all)).to.include({ kind: "no_round", reason: "changing" });
  });

  it("is none where the second pass comes too early, or a member stood still or was started since the first", () => {
    expect(second(question, all, SEAL_PAUSE_MS - 1)).to.include({ kind: "no_round", reason: "unsteady" });
    const answers = answersWith(nodeId(3), { steadyMs: SEAL_PAUSE_MS + 99 });
    expect(second(question, answers)).to.deep.equal({
      kind: "no_round",
      node: nodeId(3),
      reason: "unsteady",
    });
  });

  it("pauses as long as the member whose requests live longest wants", () => {
    const answers = answersWith(nodeId(2), { pauseMs: 2 * SEAL_PAUSE_MS });
    expect(pauseOf(answers.values())).to.equal(2 * SEAL_PAUSE_MS);
    expect(second(question, answers)).to.include({ kind: "no_round", reason: "unsteady" });
    expect(second(question, answers, 2 * SEAL_PAUSE_MS)).to.include({ kind: "passed" });
    expect(sealPauseMs({ requestTimeoutMsMax: 90_000, sealPauseMs: 120_000 })).to.equal(180_000);
    expect(sealPauseMs(defaultSettings)).to.equal(SEAL_PAUSE_MS);
  });

  it("asks members alone: what others answer is not looked at", () => {
    const answers = new Map(all).set(nodeId(9), { ...good, covered: [false, false, false] });
    expect(firstPass(question, answers)).to.deep.equal({ kind: "passed", covered: [0, 1, 2] });
  });
});
