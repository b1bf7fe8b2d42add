import { expect } from "chai";
import type { StoredRow } from "../../../../../node/core/ports/database.ts";
import { forgetOwner } from "../../../../../node/core/storage/forget-hint.ts";
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
    expect(forgetOwner(row, { position, digest, owner: OWNER_A })).to.deep.equal(rowFor(OWNER_B));
  });

  it("leaves nothing once the last owner has it", () => {
    expect(forgetOwner(rowFor(OWNER_A), { position, digest, owner: OWNER_A })).to.equal(undefined);
  });

  it("leaves a row alone that is another one than was delivered", () => {
    const row = rowFor(OWNER_A);
    const delivered = { position, digest: new Uint8Array(16).fill(8), owner: OWNER_A };
    expect(forgetOwner(row, delivered)).to.equal(row);
  });

  it("leaves a row alone that is not kept for the owner, and none where there is none", () => {
    const row = rowFor(OWNER_B);
    expect(forgetOwner(row, { position, digest, owner: OWNER_A })).to.equal(row);
    expect(forgetOwner(undefined, { position, digest, owner: OWNER_A })).to.equal(undefined);
  });
});
