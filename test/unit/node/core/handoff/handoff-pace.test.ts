import { expect } from "chai";
import {
  backoffMs,
  fateOfAnswer,
  mayGoOn,
  pauseAfterMs,
} from "../../../../../node/core/handoff/handoff-pace.ts";

describe("the handoff's pace", () => {
  it("pauses twice as long as a batch took, 5 s at most", () => {
    expect([0, 10, 2_500, 60_000].map(pauseAfterMs)).to.deep.equal([0, 20, 5_000, 5_000]);
  });

  it("tries a silent owner again at the next scan, then more and more rarely, once a minute at least", () => {
    const waits = [1, 2, 3, 4, 5, 10_000].map((failures) => backoffMs(failures, 10_000));
    expect(waits).to.deep.equal([0, 10_000, 30_000, 60_000, 60_000, 60_000]);
  });

  it("tells a record that its owner never takes from an owner that cannot take any now", () => {
    const refused = (code: "key_collision" | "read_only" | "overloaded") =>
      fateOfAnswer({ ok: false, code, message: "" });
    expect(fateOfAnswer({ ok: true })).to.equal("delivered");
    expect(refused("key_collision")).to.equal("refused");
    expect(refused("read_only")).to.equal("failed");
    expect(refused("overloaded")).to.equal("failed");
  });

  it("goes on past refusals, not past silence or a failing disk of its own", () => {
    expect(mayGoOn([])).to.equal(true);
    expect(mayGoOn(["delivered", "refused"])).to.equal(true);
    expect(mayGoOn(["delivered", "failed"])).to.equal(false);
    expect(mayGoOn(["not_forgotten"])).to.equal(false);
  });
});
