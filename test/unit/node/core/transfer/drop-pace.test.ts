import { expect } from "chai";
import { ROWS_PER_DROP_MAX } from "../../../../../node/core/ports/misplaced-store.ts";
import { ROWS_PER_DROP_MIN, rowsOfNextDrop } from "../../../../../node/core/transfer/drop-pace.ts";

describe("how many rows a command removes", () => {
  it("is more after a quick one, fewer after a slow one, within bounds", () => {
    expect(rowsOfNextDrop(32, 5)).to.equal(64);
    expect(rowsOfNextDrop(32, 30)).to.equal(32);
    expect(rowsOfNextDrop(33, 300)).to.equal(16);
    expect(rowsOfNextDrop(ROWS_PER_DROP_MIN, 3_000)).to.equal(ROWS_PER_DROP_MIN);
    expect(rowsOfNextDrop(ROWS_PER_DROP_MAX, 0)).to.equal(ROWS_PER_DROP_MAX);
  });
});
