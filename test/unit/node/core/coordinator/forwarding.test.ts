import { expect } from "chai";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import {
  decodeForwarded,
  decodeOutcome,
  encodeForwarded,
  encodeOutcome,
  type ForwardedRequest,
} from "../../../../../node/core/coordinator/forwarding.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const options = { r: undefined, w: 1, pr: 0, pw: undefined, timeoutMs: 1_500 };
const common = { bucket: bytes("carts"), key: bytes("a/b\0"), requestId: "req-1", options };

const timing = { sentAtMs: 123_456_789_012, beginWithinMs: 40 };

const requests: ForwardedRequest[] = [
  { operation: "get", request: common },
  {
    operation: "put",
    request: { ...common, context: bytes("c"), contentType: "text/plain", value: bytes("v") },
  },
  { operation: "put", request: { ...common, context: bytes(""), contentType: "", value: bytes("") } },
  { operation: "delete", request: { ...common, context: bytes("ctx") } },
  { operation: "delete", request: { ...common, context: undefined } },
  { operation: "delete", request: { ...common, context: bytes("") } },
];

describe("forwarding", () => {
  for (const request of requests) {
    it(`carries a ${request.operation} unchanged: ${JSON.stringify(request).length}`, () => {
      expect(decodeForwarded(encodeForwarded(request, timing))).to.deep.equal({ ...request, timing });
    });
  }

  it("keeps every kind of outcome", () => {
    const sibling = { contentType: "text/plain", modifiedMs: 1_700_000_000_000, value: bytes("v") };
    for (const outcome of [
      { kind: "written" as const, context: bytes("ctx") },
      { kind: "read" as const, context: bytes(""), siblings: [], ownersAnswered: 1, ownersTotal: 3 },
      {
        kind: "read" as const,
        context: bytes("x"),
        siblings: [sibling, sibling],
        ownersAnswered: 2,
        ownersTotal: 3,
      },
      {
        kind: "failed" as const,
        code: "read_only" as const,
        message: "full",
        maybeApplied: false,
        context: bytes(""),
      },
    ]) {
      expect(decodeOutcome(encodeOutcome(outcome))).to.deep.equal(outcome);
    }
  });

  it("refuses bytes that are cut short anywhere before the value", () => {
    const encoded = encodeForwarded(requests[0]!, timing);
    for (let length = 0; length < encoded.length; length++) {
      expect(() => decodeForwarded(encoded.subarray(0, length)), `${length} bytes`).to.throw(MalformedBytes);
    }
  });
});
