import { ActorMint } from "../../../../../node/core/version/actor.ts";
import type { ActorId } from "../../../../../node/core/version/dot.ts";
import { emptyCoverage } from "../../../../../node/core/version/coverage.ts";
import { expect } from "chai";

const DB = "00000000000000aa";
const seen = emptyCoverage;

function coverage(actor: string, n: number) {
  return { vector: new Map([[actor as ActorId, n]]), loose: new Map<ActorId, number[]>() };
}

describe("ActorMint", () => {
  it("starts a new epoch for each row that remembers nothing", () => {
    const mint = new ActorMint(DB);
    expect(mint.nextDot({ mine: "", coverage: emptyCoverage, seen })).to.deep.equal({
      actor: `${DB}#1`,
      n: 1,
    });
    expect(mint.nextDot({ mine: "", coverage: emptyCoverage, seen })).to.deep.equal({
      actor: `${DB}#2`,
      n: 1,
    });
  });

  it("counts on for a row that remembers the actor", () => {
    const mint = new ActorMint(DB);
    const mine = mint.nextDot({ mine: "", coverage: emptyCoverage, seen }).actor;
    expect(mint.nextDot({ mine, coverage: coverage(mine, 4), seen })).to.deep.equal({ actor: mine, n: 5 });
  });

  it("starts a new epoch where the row remembers the actor of another process", () => {
    const mint = new ActorMint(DB);
    const mine = "00000000000000bb#7";
    expect(mint.nextDot({ mine, coverage: coverage(mine, 4), seen }).actor).to.equal(`${DB}#1`);
  });

  it("starts a new epoch where the row's coverage does not know the remembered actor", () => {
    const mint = new ActorMint(DB);
    const mine = mint.nextDot({ mine: "", coverage: emptyCoverage, seen }).actor;
    expect(mint.nextDot({ mine, coverage: emptyCoverage, seen }).actor).to.equal(`${DB}#2`);
  });

  it("starts a new epoch where the client has seen more of the actor than the row knows", () => {
    const mint = new ActorMint(DB);
    const mine = mint.nextDot({ mine: "", coverage: emptyCoverage, seen }).actor;
    const dot = mint.nextDot({ mine, coverage: coverage(mine, 3), seen: coverage(mine, 5) });
    expect(dot).to.deep.equal({ actor: `${DB}#2`, n: 1 });
  });

  it("passes over epochs of its own that a peer claims to know, and counters that nobody can have reached", () => {
    const mint = new ActorMint(DB);
    const forged = {
      vector: new Map([[`${DB}#1` as ActorId, 3]]),
      loose: new Map([[`${DB}#2` as ActorId, [7]]]),
    };
    expect(mint.nextDot({ mine: "", coverage: forged, seen })).to.deep.equal({ actor: `${DB}#3`, n: 1 });
    const mine = `${DB}#3` as ActorId;
    const full = coverage(mine, Number.MAX_SAFE_INTEGER);
    expect(mint.nextDot({ mine, coverage: full, seen })).to.deep.equal({ actor: `${DB}#4`, n: 1 });
  });

  it("shares nothing with its former self after it is renewed", () => {
    const mint = new ActorMint(DB);
    const mine = mint.nextDot({ mine: "", coverage: emptyCoverage, seen }).actor;
    mint.renew("00000000000000cc");
    expect(mint.nextDot({ mine, coverage: coverage(mine, 3), seen }).actor).to.equal("00000000000000cc#1");
  });
});
