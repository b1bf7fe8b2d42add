import { expect } from "chai";
import { encodeRequest } from "../../../node/core/wire/messages.ts";
import { FORMED } from "../../../node/core/ring/ring-number.ts";
import { parseActorId } from "../../../node/core/version/dot.ts";
import { emptyRecord, type KeyRecord, put } from "../../../node/core/version/record.ts";
import { encodeRecord } from "../../../node/core/version/record-codec.ts";
import { DotRegistry } from "./dot-registry.ts";
import { decodeValue, encodeValue } from "./written-value.ts";

const utf8 = new TextEncoder();
const actor = parseActorId("00000000000000aa#1");
const nothing = { vector: new Map(), loose: new Map() };

function recordOf(requestId: string): KeyRecord {
  const empty = emptyRecord({ bucket: utf8.encode("b"), key: utf8.encode("k") });
  const value = {
    tombstone: false,
    value: utf8.encode(requestId),
    contentType: "",
    modifiedMs: 1,
    requestId,
  };
  return put(empty, { seen: nothing, dot: { actor, n: 1 }, value });
}

describe("simulator: dot registry", () => {
  it("reports a dot that names two values, stored or sent", () => {
    const reported: string[] = [];
    const registry = new DotRegistry(
      () => 0,
      ({ kind }) => reported.push(kind),
    );
    registry.stored(recordOf("w1"));
    registry.stored(recordOf("w1"));
    expect(reported).to.deep.equal([]);
    const body = { position: new Uint8Array(16), keptFor: [], record: encodeRecord(recordOf("w2")) };
    registry.sent(encodeRequest(1, 100, { kind: "replicate", body, planned: FORMED }));
    expect(reported).to.deep.equal(["dot_reused"]);
  });

  it("tells the dots of a coverage that nobody minted", () => {
    const registry = new DotRegistry(
      () => 0,
      () => undefined,
    );
    registry.stored(recordOf("w1"));
    const coverage = { vector: new Map([[actor, 2]]), loose: new Map([[actor, [5]]]) };
    expect(registry.inventedBy("k", coverage)).to.deep.equal([`${actor}:2`, `${actor}:5`]);
    expect(registry.covered("k", coverage).map(({ writeId }) => writeId)).to.deep.equal(["w1"]);
  });
});

describe("simulator: written values", () => {
  it("come back as they were written, and not when a bit is flipped", () => {
    const value = { id: "c1.2", key: "k", saw: ["c1.1", "c2.9"] };
    const bytes = encodeValue(value, 10);
    expect(decodeValue(bytes)).to.deep.equal(value);
    for (let i = 0; i < bytes.length * 8; i++) {
      const rotten = bytes.slice();
      rotten[i >> 3]! ^= 1 << (i & 7);
      expect(decodeValue(rotten), `bit ${i}`).to.equal(undefined);
    }
  });
});
