import { applyCoordinated, applyIncoming } from "../../../../../node/core/storage/apply-write.ts";
import { keyNamed, OWNER_A, OWNER_B, seenBytes, writeOf } from "./sample-writes.ts";
import { ActorMint } from "../../../../../node/core/version/actor.ts";
import type { CoordinatedWrite } from "../../../../../node/core/ports/replica-store.ts";
import { checkRow } from "../../../../../node/core/storage/row-check.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { expect } from "chai";
import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import type { StoredRow } from "../../../../../node/core/ports/database.ts";

const DB = "00000000000000aa";
const limits = { siblingsMax: 3, recordBytesMax: 4_096 };

function coordinator(actor = DB) {
  const tools = { mint: new ActorMint(actor), limits, hash };
  return (row: StoredRow | undefined, write: CoordinatedWrite) =>
    applyCoordinated(checkRow(row, hash), write, tools);
}

function accept(result: ReturnType<typeof applyCoordinated>) {
  if (result.outcome === "refused") throw new Error(`${result.code}: ${result.message}`);
  return result;
}

function values(record: Uint8Array): string[] {
  return decodeRecord(record).siblings.map(({ value }) => new TextDecoder().decode(value));
}

function incoming(row: StoredRow | undefined, record: Uint8Array, keptFor: CoordinatedWrite["keptFor"] = []) {
  const result = applyIncoming(
    checkRow(row, hash),
    { position: keyNamed("cart").position, record, keptFor },
    hash,
  );
  if (result.outcome === "refused") throw new Error(`${result.code}: ${result.message}`);
  return result.row;
}

describe("applyCoordinated", () => {
  it("keeps writes without a context as siblings, under dots that count on", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a")));
    const second = accept(put(first.row, writeOf("cart", "b")));
    expect([first.dot, second.dot]).to.deep.equal([
      { actor: `${DB}#1`, n: 1 },
      { actor: `${DB}#1`, n: 2 },
    ]);
    expect(values(second.record)).to.deep.equal(["a", "b"]);
  });

  it("replaces the siblings that the context covers", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a")));
    const seen = seenBytes(decodeRecord(first.record).coverage);
    expect(values(accept(put(first.row, writeOf("cart", "b", { seen }))).record)).to.deep.equal(["b"]);
  });

  it("answers a retry with its first dot and writes nothing", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a", { requestId: "same" })));
    const retry = accept(put(first.row, writeOf("cart", "a", { requestId: "same" })));
    expect(retry.dot).to.deep.equal(first.dot);
    expect(retry.row).to.equal(undefined);
    expect(retry.record).to.deep.equal(first.record);
  });

  it("does not take a delete that saw newer siblings for its first attempt", () => {
    const put = coordinator();
    const deletion = { tombstone: true, contentType: "", requestId: "delete" };
    const first = accept(put(undefined, writeOf("cart", "", deletion)));
    const newer = accept(put(first.row, writeOf("cart", "b")));
    const seen = seenBytes(decodeRecord(newer.record).coverage);
    const retry = accept(put(newer.row, writeOf("cart", "", { ...deletion, seen })));
    expect(decodeRecord(retry.record).siblings.map(({ tombstone }) => tombstone)).to.deep.equal([true]);
  });

  it("keeps another value under a reused request id instead of acknowledging what is not stored", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a", { requestId: "same" })));
    const other = accept(put(first.row, writeOf("cart", "b", { requestId: "same" })));
    expect(values(other.record)).to.deep.equal(["a", "b"]);
  });

  it("refuses a write only where it leaves more siblings than the cap", () => {
    const put = coordinator();
    let row: StoredRow | undefined;
    for (const text of ["a", "b", "c"]) row = accept(put(row, writeOf("cart", text))).row;
    const refused = put(row, writeOf("cart", "d"));
    expect(refused).to.include({ outcome: "refused", code: "too_many_siblings" });
    const seen = seenBytes(decodeRecord(row!.record).coverage);
    expect(values(accept(put(row, writeOf("cart", "d", { seen }))).record)).to.deep.equal(["d"]);
  });

  it("refuses a write that leaves too large a record", () => {
    expect(coordinator()(undefined, writeOf("cart", "x".repeat(5_000)))).to.include({
      code: "record_too_large",
    });
  });

  it("starts a new epoch over a row that was lost or is corrupt", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a")));
    const record = first.record.slice();
    record[record.length - 3]! ^= 1;
    const over = accept(put({ ...first.row!, record }, writeOf("cart", "b")));
    expect(over.dot).to.deep.equal({ actor: `${DB}#2`, n: 1 });
    expect(values(over.record)).to.deep.equal(["b"]);
    expect(accept(put(undefined, writeOf("cart", "c"))).dot.actor).to.equal(`${DB}#3`);
  });

  it("refuses a row of another key at the same position", () => {
    const put = coordinator();
    const other = accept(put(undefined, writeOf("other", "a")));
    const planted = { ...other.row!, position: keyNamed("cart").position };
    expect(put(planted, writeOf("cart", "b"))).to.include({ code: "key_collision" });
  });

  it("refuses a position that is not the hash of bucket and key, and a coverage that is none", () => {
    const put = coordinator();
    const { position } = keyNamed("other");
    expect(put(undefined, writeOf("cart", "a", { position }))).to.include({ code: "invalid_record" });
    const seen = new Uint8Array([9, 9, 9]);
    expect(put(undefined, writeOf("cart", "a", { seen }))).to.include({ code: "invalid_record" });
  });

  it("keeps a stand-in's row for the union of the owners", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a", { keptFor: [OWNER_B] })));
    const second = accept(put(first.row, writeOf("cart", "b", { keptFor: [OWNER_A] })));
    expect(second.row!.keptFor).to.deep.equal([OWNER_A, OWNER_B]);
  });
});

describe("applyIncoming", () => {
  it("keeps the bytes as they are where there is no row", () => {
    const { record } = accept(coordinator()(undefined, writeOf("cart", "a")));
    const row = incoming(undefined, record);
    expect(row).to.deep.include({ record, keptFor: [], mine: new Uint8Array(0) });
    expect(row!.digest).to.deep.equal(hash.md5(record));
  });

  it("writes nothing for identical and for superseded records", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a")));
    const second = accept(put(first.row, writeOf("cart", "b")));
    expect(incoming(second.row, second.record)).to.equal(undefined);
    expect(incoming(second.row, first.record)).to.equal(undefined);
  });

  it("writes an identical record where it is kept for one more owner", () => {
    const { record } = accept(coordinator()(undefined, writeOf("cart", "a")));
    const row = incoming(undefined, record, [OWNER_B]);
    expect(incoming(row, record, [OWNER_B])).to.equal(undefined);
    expect(incoming(row, record, [OWNER_A])!.keptFor).to.deep.equal([OWNER_A, OWNER_B]);
  });

  it("merges what both sides have and goes on counting", () => {
    const put = coordinator();
    const own = accept(put(undefined, writeOf("cart", "own")));
    const theirs = accept(coordinator("00000000000000bb")(undefined, writeOf("cart", "theirs")));
    const row = incoming(own.row, theirs.record)!;
    expect(values(row.record)).to.deep.equal(["own", "theirs"]);
    expect(accept(put(row, writeOf("cart", "next"))).dot).to.deep.equal({ actor: `${DB}#1`, n: 2 });
  });

  it("stops trusting the row's actor where another node knows more of it", () => {
    const put = coordinator();
    const first = accept(put(undefined, writeOf("cart", "a")));
    const second = accept(put(first.row, writeOf("cart", "b")));
    const rolledBack = incoming(first.row, second.record)!;
    expect(rolledBack.mine).to.have.length(0);
    expect(accept(put(rolledBack, writeOf("cart", "c"))).dot).to.deep.equal({ actor: `${DB}#2`, n: 1 });
  });

  it("never applies the caps", () => {
    let row: StoredRow | undefined;
    for (let i = 0; i < 8; i++) {
      const { record } = accept(
        coordinator(`00000000000000c${i}`)(undefined, writeOf("cart", "x".repeat(1_000))),
      );
      row = incoming(row, record);
    }
    expect(decodeRecord(row!.record).siblings).to.have.length(8);
    expect(row!.record.length).to.be.greaterThan(limits.recordBytesMax);
  });

  it("replaces a corrupt row", () => {
    const own = accept(coordinator()(undefined, writeOf("cart", "own")));
    const theirs = accept(coordinator("00000000000000bb")(undefined, writeOf("cart", "theirs")));
    const row = incoming({ ...own.row!, digest: new Uint8Array(16) }, theirs.record)!;
    expect(values(row.record)).to.deep.equal(["theirs"]);
    expect(row.mine).to.have.length(0);
  });

  it("refuses bytes that are no record, other positions and other keys", () => {
    const cart = keyNamed("cart").position;
    const { record } = accept(coordinator()(undefined, writeOf("cart", "a")));
    const absent = checkRow(undefined, hash);
    const cut = record.subarray(0, record.length - 1);
    expect(applyIncoming(absent, { position: cart, record: cut, keptFor: [] }, hash)).to.include({
      code: "invalid_record",
    });
    const elsewhere = { position: keyNamed("other").position, record, keptFor: [] };
    expect(applyIncoming(absent, elsewhere, hash)).to.include({ code: "invalid_record" });
    const other = accept(coordinator()(undefined, writeOf("other", "a"))).row!;
    const planted = checkRow({ ...other, position: cart }, hash);
    expect(applyIncoming(planted, { position: cart, record, keptFor: [] }, hash)).to.include({
      code: "key_collision",
    });
  });
});
