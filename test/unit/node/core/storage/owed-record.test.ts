import { expect } from "chai";
import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import type { StoredRow } from "../../../../../node/core/ports/database.ts";
import { withOwners } from "../../../../../node/core/storage/marker-hint.ts";
import { owedRecord } from "../../../../../node/core/storage/owed-record.ts";
import { merge } from "../../../../../node/core/version/record.ts";
import { decodeRecord, encodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { parseActorId } from "../../../../../node/core/version/dot.ts";
import { emptyRecord, put } from "../../../../../node/core/version/record.ts";
import { emptyCoverage } from "../../../../../node/core/version/coverage.ts";
import { keyNamed, OWNER_A } from "./sample-writes.ts";

const { bucket, key, position } = keyNamed("cart");
const nobody = new Uint8Array(0);

function rowOf(actor: string, keptFor: readonly string[]): StoredRow {
  const value = {
    tombstone: false,
    value: new Uint8Array([1]),
    contentType: "",
    modifiedMs: 0,
    requestId: actor,
  };
  const dot = { actor: parseActorId(`${actor.padStart(16, "0")}#1`), n: 1 };
  const record = encodeRecord(put(emptyRecord({ bucket, key }), { seen: emptyCoverage, dot, value }));
  return { position, record, digest: hash.md5(record), mine: nobody, keptFor };
}

function rotten(row: StoredRow): StoredRow {
  return { ...row, digest: new Uint8Array(16) };
}

const hint = rowOf("aa", [OWNER_A]);
const own = rowOf("bb", []);
const marker = withOwners(undefined, { position, owners: [OWNER_A] }, hash);

describe("owedRecord", () => {
  it("is the hint's own record where the key is not among this node's own", () => {
    expect(owedRecord(hint, undefined, hash)).to.deep.equal({
      state: "record",
      record: hint.record,
      digest: hint.digest,
    });
  });

  it("is this node's own record for a marker", () => {
    const owed = { state: "record", record: own.record, digest: own.digest };
    expect(owedRecord(marker, own, hash)).to.deep.equal(owed);
  });

  it("is the merge where a key lies in both databases", () => {
    const record = encodeRecord(merge(decodeRecord(own.record), decodeRecord(hint.record)));
    expect(owedRecord(hint, own, hash)).to.deep.equal({ state: "record", record, digest: hash.md5(record) });
  });

  it("is nothing for a marker without its record", () => {
    expect(owedRecord(marker, undefined, hash)).to.deep.equal({ state: "lost", digest: marker.digest });
  });

  it("is nothing where a sound row lies at another key's place", () => {
    const elsewhere = keyNamed("other").position;
    const corrupt = (database: string) => ({ state: "corrupt", database });
    expect(owedRecord({ ...hint, position: elsewhere }, undefined, hash)).to.deep.equal(corrupt("hints"));
    const misled = { ...own, position: elsewhere };
    expect(owedRecord({ ...marker, position: elsewhere }, misled, hash)).to.deep.equal(corrupt("data"));
  });

  it("names the row that failed its check; a hint alone still counts beside a rotten row of this node's own", () => {
    expect(owedRecord(marker, rotten(own), hash)).to.deep.equal({ state: "corrupt", database: "data" });
    expect(owedRecord(rotten(marker), own, hash)).to.deep.equal({ state: "corrupt", database: "hints" });
    expect(owedRecord(rotten(hint), own, hash)).to.deep.equal({ state: "corrupt", database: "hints" });
    expect(owedRecord(hint, rotten(own), hash)).to.include({ state: "record", record: hint.record });
  });
});
