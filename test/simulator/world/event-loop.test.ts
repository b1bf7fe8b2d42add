import { expect } from "chai";
import { EventLoop } from "./event-loop.ts";
import { SeededRandom } from "./seeded-random.ts";

describe("simulator: event loop", () => {
  it("runs events in the order of their time, and promises to their end before the next", async () => {
    const loop = new EventLoop(SeededRandom.ofSeed(1));
    const order: string[] = [];
    loop.at(2, () => order.push("two"));
    loop.at(1, () => {
      void (async () => {
        for (let i = 0; i < 20; i++) await Promise.resolve();
        order.push("promise of one");
      })();
    });
    await loop.runUntil(10);
    expect(order).to.deep.equal(["promise of one", "two"]);
    expect(loop.nowMs).to.equal(10);
  });

  it("orders events of the same time by the seed", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const loop = new EventLoop(SeededRandom.ofSeed(seed));
      let order = "";
      for (const name of ["a", "b", "c"]) loop.at(1, () => (order += name));
      await loop.runUntil(2);
      orders.add(order);
    }
    expect(orders.size).to.be.greaterThan(3);
  });

  it("drops the events of the dead and keeps those of the paused, in order", async () => {
    const loop = new EventLoop(SeededRandom.ofSeed(1));
    const owner = { alive: true, pausedUntilMs: 5 };
    const order: string[] = [];
    for (const at of [1, 2, 3]) loop.at(at, () => order.push(`${at} at ${loop.nowMs}`), owner);
    loop.at(6, () => (owner.alive = false));
    loop.at(7, () => order.push("after death"), owner);
    await loop.runUntil(10);
    expect(order).to.deep.equal(["1 at 5", "2 at 5", "3 at 5"]);
  });

  it("runs nothing that was cancelled", async () => {
    const loop = new EventLoop(SeededRandom.ofSeed(1));
    let ran = false;
    loop.at(1, () => (ran = true))();
    await loop.runUntil(2);
    expect(ran).to.equal(false);
  });
});
