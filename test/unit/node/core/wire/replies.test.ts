import { expect } from "chai";
import { parseNodeId } from "../../../../../node/core/node-id.ts";
import {
  decodeReplicaRead,
  decodeStored,
  encodeReplicaRead,
  encodeStored,
} from "../../../../../node/core/wire/replies.ts";

describe("replies of a replica", () => {
  it("keep whether and why a record was not stored", () => {
    expect(decodeStored(encodeStored({ ok: true }))).to.deep.equal({ ok: true });
    const at = { storeId: "00000000000000aa", runId: "00000000000000bb", sequence: 5_000_000_000 };
    expect(decodeStored(encodeStored({ ok: true, at }))).to.deep.equal({ ok: true, at });
    const refused = { ok: false, code: "read_only", message: "disk full" } as const;
    expect(decodeStored(encodeStored(refused))).to.deep.equal(refused);
  });

  it("keep a record, a digest alone, and each way of having none", () => {
    const digest = new Uint8Array(16).fill(7);
    const owner = parseNodeId("00000000-0000-4000-8000-000000000001");
    for (const read of [
      { status: "found", digest, record: new Uint8Array([1, 2, 3]), keptFor: [] },
      { status: "found", digest, record: undefined, keptFor: [owner] },
      { status: "found", digest, record: undefined, keptFor: [owner], recovering: true },
      { status: "not_found" },
      { status: "not_found", recovering: true },
      { status: "corrupt" },
      { status: "failed", message: "no such thread" },
    ] as const) {
      expect(decodeReplicaRead(encodeReplicaRead(read))).to.deep.equal(read);
    }
  });
});
