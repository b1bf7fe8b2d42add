import { expect } from "chai";
import type { StoredRow } from "../../../../../node/core/ports/database.ts";
import { HintBudget } from "../../../../../node/core/storage/hint-budget.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { OWNER_A } from "./sample-writes.ts";

const position = new Uint8Array(16);

function rowOf(bytes: number): StoredRow {
  return {
    position,
    record: new Uint8Array(bytes),
    digest: position,
    mine: new Uint8Array(0),
    keptFor: [OWNER_A],
  };
}

describe("HintBudget", () => {
  it("counts what a batch adds on top of what the file holds", () => {
    const budget = new HintBudget(new MemoryDatabase(), 3_000);
    budget.startBatch();
    expect(budget.refusalOf(undefined, rowOf(1_000), "copy")).to.equal(undefined);
    expect(budget.refusalOf(undefined, rowOf(1_000), "copy")).to.equal(undefined);
    expect(budget.refusalOf(undefined, rowOf(1_000), "copy")).to.include({ ok: false, code: "hints_full" });
    budget.startBatch();
    expect(budget.refusalOf(undefined, rowOf(1_000), "copy"), "nothing was written").to.equal(undefined);
  });

  it("gives markers a tenth more, and never refuses what takes no more room than before", () => {
    const budget = new HintBudget(new MemoryDatabase(), 1_000);
    budget.startBatch();
    expect(budget.refusalOf(undefined, rowOf(700), "copy")).to.equal(undefined);
    expect(budget.refusalOf(undefined, rowOf(0), "copy")).to.include({ ok: false });
    expect(budget.refusalOf(undefined, rowOf(0), "marker"), "1168 of 1100").to.include({ ok: false });
    expect(budget.refusalOf(rowOf(700), rowOf(700), "copy")).to.equal(undefined);
    expect(budget.refusalOf(rowOf(600), rowOf(700), "copy")).to.include({ ok: false });
    expect(budget.refusalOf(rowOf(600), rowOf(700), "marker")).to.equal(undefined);
  });

  it("says how much is kept, what the limit is, and what to do", () => {
    const budget = new HintBudget(new MemoryDatabase(), 100);
    budget.startBatch();
    const refusal = budget.refusalOf(undefined, rowOf(0), "copy");
    expect(refusal?.message).to.match(/0 bytes .*limit 100.*hint-bytes-max/);
  });
});
