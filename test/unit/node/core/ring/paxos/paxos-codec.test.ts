import { expect } from "chai";
import { md5Digester } from "../../../../../../node/adapters/md5.ts";
import type { ControlMessage } from "../../../../../../node/core/ports/control-calls.ts";
import { paxosFromControl, paxosToControl } from "../../../../../../node/core/ring/paxos/paxos-codec.ts";
import { baseOf, type PaxosMessage } from "../../../../../../node/core/ring/paxos/paxos-messages.ts";
import { RingInvalid } from "../../../../../../node/core/ring/ring-check.ts";
import { ringDigest } from "../../../../../../node/core/ring/ring-document.ts";
import { changed, raised } from "../change/elastic-rings.ts";
import { join } from "../change/change-scenes.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";

const first = ringOf({ members: membersOf(3), partitions: 8 });
const settled = raised(first);
const [one, two] = [first, changed(settled, join(member(3))).transfer].map((ring) => ({
  ring,
  digest: ringDigest(ring, md5Digester),
}));
const common = {
  base: baseOf({ ring: settled, digest: ringDigest(settled, md5Digester) }),
  ballot: { round: 3, node: nodeId(1) },
};
const messages: readonly PaxosMessage[] = [
  { kind: "prepare", ...common },
  { kind: "accept", ...common, value: two! },
  { kind: "promised", ...common, accepted: undefined },
  { kind: "promised", ...common, accepted: { ballot: { round: 2, node: nodeId(0) }, value: two! } },
  { kind: "accepted", ...common },
  { kind: "overtaken", ...common, promised: { round: 4, node: nodeId(2) } },
  { kind: "abstained", ...common, reason: "its store is new" },
  { kind: "decided", ring: one! },
  { kind: "decided", ring: two! },
];
const travelled = (message: PaxosMessage): ControlMessage =>
  JSON.parse(JSON.stringify(paxosToControl(message))) as ControlMessage;

describe("paxos codec", () => {
  it("brings every message back from its JSON", () => {
    for (const message of messages)
      expect(paxosFromControl(travelled(message), md5Digester)).to.deep.equal(message);
  });

  it("has this form, for ever", () => {
    expect(JSON.stringify(paxosToControl({ ...messages[5]! }))).to.equal(
      `{"type":"ring.overtaken","base":{"generation":0,"epoch":2,"digest":"${common.base.digest}"},` +
        `"ballot":{"round":3,"node":"${nodeId(1)}"},"promised":{"round":4,"node":"${nodeId(2)}"}}`,
    );
  });

  it("leaves other messages to others, and computes digests instead of believing them", () => {
    expect(paxosFromControl({ type: "ring.state", state: "none" }, md5Digester)).to.equal(undefined);
    const lying = { ...travelled(messages[1]!), digest: "0" };
    expect(paxosFromControl(lying, md5Digester)).to.have.nested.property("value.digest", two!.digest);
  });

  const faults: readonly (readonly [string, number, object])[] = [
    ["base", 0, { base: null }],
    ["base.epoch", 0, { base: { ...common.base, epoch: -1 } }],
    ["base.generation", 0, { base: { ...common.base, generation: 0.5 } }],
    ["base.digest", 0, { base: { ...common.base, digest: "x".repeat(65) } }],
    ["ballot", 0, { ballot: 7 }],
    ["ballot.round", 0, { ballot: { round: 0, node: nodeId(1) } }],
    ["ballot.node", 0, { ballot: { round: 1, node: "node-1" } }],
    ["ballot.node", 0, { ballot: { round: 1 } }],
    ["document", 1, { ring: undefined }],
    ["members", 1, { ring: { ...two!.ring, members: [] } }],
    ["accepted", 3, { accepted: "yes" }],
    ["accepted.ballot", 3, { accepted: { ring: two!.ring } }],
    ["promised", 5, { promised: null }],
  ];
  for (const [field, index, fault] of faults) {
    it(`refuses ${JSON.stringify(fault).slice(0, 60)}`, () => {
      expect(() => paxosFromControl({ ...travelled(messages[index]!), ...fault }, md5Digester))
        .to.throw(RingInvalid)
        .with.property("field", field);
    });
  }

  it("cuts a long reason short and takes a missing one", () => {
    const long = { ...travelled(messages[6]!), reason: "r".repeat(5_000) };
    expect(paxosFromControl(long, md5Digester)).to.have.property("reason").that.has.length(4_096);
    expect(paxosFromControl({ ...long, reason: 7 }, md5Digester)).to.have.property(
      "reason",
      "abstained without a reason",
    );
  });
});
