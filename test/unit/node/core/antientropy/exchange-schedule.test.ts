import { expect } from "chai";
import { ExchangeSchedule } from "../../../../../node/core/antientropy/exchange-schedule.ts";
import { nodeId } from "../ring/made-ring.ts";

const [a, b, c] = [nodeId(1), nodeId(2), nodeId(3)];
const chance = 0.5;

describe("the schedule of exchanges", () => {
  it("begins with whom nothing is known of, then takes who is due first", () => {
    const schedule = new ExchangeSchedule(60_000);
    schedule.ended(a, "equal", { nowMs: 0, chance });
    schedule.ended(b, "failed", { nowMs: 0, chance });
    expect(schedule.first([a, b, c])).to.deep.equal({ peer: c, dueMs: 0 });
    expect(schedule.first([a, b])).to.deep.equal({ peer: b, dueMs: 1_000 });
    expect(schedule.first([a])).to.deep.equal({ peer: a, dueMs: 60_000 });
    expect(schedule.first([])).to.equal(undefined);
  });

  it("forgets failures of a peer that has come back, and never puts off what is due earlier", () => {
    const schedule = new ExchangeSchedule(60_000);
    for (let n = 0; n < 5; n++) schedule.ended(a, "failed", { nowMs: 0, chance });
    expect(schedule.first([a])?.dueMs).to.equal(16_000);
    schedule.soon(a, 1_000);
    schedule.soon(a, 9_000);
    expect(schedule.first([a])?.dueMs).to.equal(1_000);
    schedule.ended(a, "failed", { nowMs: 1_000, chance });
    expect(schedule.first([a])?.dueMs).to.equal(2_000);
  });
});
