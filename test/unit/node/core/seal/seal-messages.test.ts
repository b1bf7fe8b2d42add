import { expect } from "chai";
import fc from "fast-check";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import {
  decodeSealReply,
  decodeSealRequest,
  encodeSealReply,
  encodeSealRequest,
  type SealReply,
  type SealRequest,
} from "../../../../../node/core/seal/seal-messages.ts";
import { SEALED_AT_ONCE_MAX } from "../../../../../node/core/seal/seal-round.ts";
import { sealedRow } from "./arbitrary-sealed-row.ts";

const rows = fc.array(sealedRow, { maxLength: 5 });
const mark = fc.record({ life: fc.stringMatching(/^[0-9a-f]{16}$/), at: fc.nat() });
const since = fc.option(mark, { nil: undefined });
const request: fc.Arbitrary<SealRequest> = fc.oneof(
  fc.record({ kind: fc.constant("ask" as const), since, rows }),
  fc.record({ kind: fc.constant("seal" as const), rows }),
);
const answer = fc.record({
  ring: fc.stringMatching(/^[0-9a-f]{32}$/),
  isRecovering: fc.boolean(),
  steadyMs: fc.nat(),
  pauseMs: fc.nat(),
  covered: fc.array(fc.boolean(), { maxLength: 20 }),
});
const reply: fc.Arbitrary<SealReply> = fc.oneof(
  fc.record({ status: fc.constant("answered" as const), answer, mark }),
  fc.record({ status: fc.constant("sealed" as const), dropped: fc.nat(), pruned: fc.nat() }),
  fc.record({ status: fc.constant("declined" as const), message: fc.string({ maxLength: 200 }) }),
);

/** Fails on any error that is not MalformedBytes. */
function refusedOr<T>(decode: () => T): T | "refused" {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytes) return "refused";
    throw error;
  }
}

describe("messages of a seal round", () => {
  it("arrive as they were sent, cut short they are refused", () => {
    fc.assert(
      fc.property(request, (sent) => {
        const body = encodeSealRequest(sent);
        expect(decodeSealRequest(body)).to.deep.equal(sent);
        expect(refusedOr(() => decodeSealRequest(body.subarray(0, -1)))).to.equal("refused");
      }),
    );
    fc.assert(
      fc.property(reply, (sent) => {
        const body = encodeSealReply(sent);
        expect(decodeSealReply(body)).to.deep.equal(sent);
        expect(refusedOr(() => decodeSealReply(body.subarray(0, -1)))).to.equal("refused");
      }),
    );
  });

  it("are refused and not taken for something else, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        refusedOr(() => decodeSealRequest(bytes));
        refusedOr(() => decodeSealReply(bytes));
      }),
    );
  });

  it("ask about a bounded number of rows", () => {
    const [row] = fc.sample(sealedRow, 1);
    const many = Array.from({ length: SEALED_AT_ONCE_MAX + 1 }, () => row!);
    const body = encodeSealRequest({ kind: "seal", rows: many });
    expect(refusedOr(() => decodeSealRequest(body))).to.equal("refused");
  });
});
