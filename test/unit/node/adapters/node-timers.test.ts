import { expect } from "chai";
import { nodeTimers } from "../../../../node/adapters/node-timers.ts";

describe("node timers", () => {
  it("runs once after the delay, or never when cancelled", async () => {
    const ran: string[] = [];
    nodeTimers.after(5, () => ran.push("kept"));
    const cancel = nodeTimers.after(5, () => ran.push("cancelled"));
    cancel();
    expect(ran).to.deep.equal([]);
    await new Promise<void>((resolve) => nodeTimers.after(30, resolve));
    expect(ran).to.deep.equal(["kept"]);
  });

  it("does not run at once what is due after more than 24 days", async () => {
    let ran = false;
    const cancel = nodeTimers.after(2 ** 40, () => (ran = true));
    await new Promise<void>((resolve) => nodeTimers.after(10, resolve));
    cancel();
    expect(ran).to.equal(false);
  });

  it("runs `soon` after the promises that are already settled", async () => {
    const order: string[] = [];
    const soon = new Promise<void>((resolve) =>
      nodeTimers.soon(() => {
        order.push("soon");
        resolve();
      }),
    );
    void Promise.resolve().then(() => order.push("promise"));
    await soon;
    expect(order).to.deep.equal(["promise", "soon"]);
  });
});
