import { expect } from "chai";
import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import type { StoredRow } from "../../../../../node/core/ports/database.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { forgetOwner } from "../../../../../node/core/storage/forget-hint.ts";
import { withOwners } from "../../../../../node/core/storage/marker-hint.ts";
import { OWNER_A, OWNER_B } from "./sample-writes.ts";

const digest = new Uint8Array(16).fill(7);
const position = new Uint8Array(16);
const bytes = new Uint8Array(3);

function rowFor(...keptFor: string[]): StoredRow {
  return { position, record: bytes, digest, mine: bytes, keptFor };
}

describe("forgetOwner", () => {
  it("strikes the owner off, and keeps the row for the others", () => {
    const row = rowFor(OWNER_A, OWNER_B);
    expect(forgetOwner(row, undefined, { position, digest, owner: OWNER_A }, hash)).to.deep.equal(
      rowFor(OWNER_B),
    );
  });

  it("leaves nothing once the last owner has it", () => {
    expect(forgetOwner(rowFor(OWNER_A), undefined, { position, digest, owner: OWNER_A }, hash)).to.equal(
      undefined,
    );
  });

  it("leaves a row alone that is another one than was delivered", () => {
    const row = rowFor(OWNER_A);
    const delivered = { position, digest: new Uint8Array(16).fill(8), owner: OWNER_A };
    expect(forgetOwner(row, undefined, delivered, hash)).to.equal(row);
  });

  it("leaves a row alone that is not kept for the owner, and none where there is none", () => {
    const row = rowFor(OWNER_B);
    expect(forgetOwner(row, undefined, { position, digest, owner: OWNER_A }, hash)).to.equal(row);
    expect(forgetOwner(undefined, undefined, { position, digest, owner: OWNER_A }, hash)).to.equal(undefined);
  });

  it("strikes an owner off a marker only while this node's own record is the one that was delivered", () => {
    const own = { position, record: bytes, digest: hash.md5(bytes), mine: bytes, keptFor: [] };
    const marker = withOwners(undefined, { position, owners: [OWNER_A as NodeId] }, hash);
    const delivered = { position, digest: own.digest, owner: OWNER_A };
    expect(forgetOwner(marker, own, delivered, hash)).to.equal(undefined);
    const newer = { ...own, record: position, digest: hash.md5(position) };
    expect(forgetOwner(marker, newer, delivered, hash)).to.equal(marker);
    const rotten = { ...own, record: position };
    expect(forgetOwner(marker, rotten, delivered, hash), "nobody knows what it was").to.equal(marker);
  });

  it("drops a marker for a record that is lost, unless one came back", () => {
    const marker = withOwners(undefined, { position, owners: [OWNER_A as NodeId] }, hash);
    const lost = { position, digest: marker.digest, owner: OWNER_A };
    expect(forgetOwner(marker, undefined, lost, hash)).to.equal(undefined);
    const own = { position, record: bytes, digest: hash.md5(bytes), mine: bytes, keptFor: [] };
    expect(forgetOwner(marker, own, lost, hash)).to.equal(marker);
  });
});
