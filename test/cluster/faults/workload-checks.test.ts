import { expect } from "chai";
import type { Violation } from "./checker.ts";
import type { Shown } from "./client-session.ts";
import { decodeFaultValue, encodeFaultValue } from "./fault-value.ts";
import { History } from "./history.ts";
import { checkCounter } from "./workloads/counter.ts";
import { checkSet } from "./workloads/set.ts";
import { HotKeys, ReadWatch } from "./workloads/workload.ts";

function kinds(violations: readonly Violation[]): string[] {
  return violations.map(({ kind }) => kind);
}

describe("cluster: the checks of the fault workloads", () => {
  it("a set lacks no acknowledged element and holds none that was refused or that nobody added", () => {
    const adds = [
      { element: "a", outcome: "ok" },
      { element: "b", outcome: "info" },
      { element: "c", outcome: "fail" },
    ] as const;
    const check = (...elements: string[]): string[] => kinds(checkSet({ key: "k", elements }, adds));
    expect(check("a")).to.deep.equal([]);
    expect(check("a", "b")).to.deep.equal([]);
    expect(check("b")).to.deep.equal(["lost"]);
    expect(check("a", "c")).to.deep.equal(["refused"]);
    expect(check("a", "z")).to.deep.equal(["unknown"]);
  });

  it("a counter holds every acknowledged increment and no untried one", () => {
    const counters = [{ key: "k", name: "c", acknowledged: 2, tried: 3 }];
    const check = (counts: Record<string, number>): string[] =>
      kinds(checkCounter({ key: "k", counts }, counters));
    expect(check({ c: 2 })).to.deep.equal([]);
    expect(check({ c: 3 })).to.deep.equal([]);
    expect(check({ c: 1 })).to.deep.equal(["lost"]);
    expect(check({})).to.deep.equal(["lost"]);
    expect(check({ c: 4 })).to.deep.equal(["refused"]);
    expect(check({ c: 2, d: 1 })).to.deep.equal(["unknown"]);
  });

  it("a value with any one bit flipped is told from the one that was written", () => {
    const value = { id: "w1", key: "k", saw: ["w0"], elements: ["a"] };
    const bytes = encodeFaultValue(value, 10);
    expect(decodeFaultValue(bytes)).to.deep.include(value);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeFaultValue(flipped), `bit ${bit}`).to.equal(undefined);
    }
  });

  it("a missing write is a stale read on the way, and lost in the end", async () => {
    const history = new History();
    const watch = new ReadWatch(history);
    history.end(history.begin({ kind: "put", id: "a", key: "k", saw: [] }), "ok");
    const nothing: Shown = { key: "k", values: [], saw: [], corrupt: 0, context: "" };
    const session = { read: () => Promise.resolve(nothing) };
    await watch.read(session, "k");
    expect([watch.reads, watch.staleReads, watch.violations]).to.deep.equal([1, 1, []]);
    expect(kinds(watch.checkFinal(new Map([["k", nothing]])))).to.deep.equal(["lost"]);
    expect(kinds(watch.checkFinal(new Map()))).to.deep.equal(["lost"]);
  });

  it("a missing write is a violation at any time where every quorum is of owners", async () => {
    const history = new History();
    const watch = new ReadWatch(history, { mayBeStale: false });
    const nothing: Shown = { key: "k", values: [], saw: [], corrupt: 0, context: "" };
    history.begin({ kind: "put", id: "a", key: "k", saw: [] });
    await watch.read({ read: () => Promise.resolve(nothing) }, "k");
    expect(watch.violations).to.deep.equal([]);
    history.end(history.write("a")!, "ok");
    await watch.read({ read: () => Promise.resolve(nothing) }, "k");
    expect(kinds(watch.violations)).to.deep.equal(["stale"]);
  });

  it("corrupt, invented and doubled values are violations at any time", async () => {
    const history = new History();
    const watch = new ReadWatch(history);
    history.end(history.begin({ kind: "put", id: "a", key: "k", saw: [] }), "ok");
    const read = async (shown: Partial<Shown>): Promise<void> => {
      const all: Shown = { key: "k", values: [], saw: ["a"], corrupt: 0, context: "", ...shown };
      await watch.read({ read: () => Promise.resolve(all) }, "k");
    };
    await read({});
    expect(watch.violations).to.deep.equal([]);
    await read({ corrupt: 1 });
    await read({ saw: ["a", "nobody"] });
    await read({ saw: ["a", "a"] });
    expect(kinds(watch.violations)).to.deep.equal(["corrupt", "unknown", "duplicate"]);
    expect(watch.siblingsMax).to.equal(2);
  });

  it("hot keys give way to new ones when their histories are long", () => {
    const history = new History();
    const hot = new HotKeys(history, { prefix: "k", keys: 2, writesMax: 2 });
    expect([hot.pick(0), hot.pick(0.99)]).to.deep.equal(["k-0-0", "k-1-0"]);
    for (const id of ["a", "b"]) history.begin({ kind: "put", id, key: "k-0-0", saw: [] });
    expect([hot.pick(0), hot.pick(0.99)]).to.deep.equal(["k-0-1", "k-1-0"]);
  });
});
