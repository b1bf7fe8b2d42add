import { expect } from "chai";
import { roomLacks, roomLackText } from "../../../../client/ring/plan-room.ts";

const MIB = 2 ** 20;

describe("room for what a plan moves", () => {
  const node = (id: string, bytesGained: number | null) => ({
    id,
    address: "",
    zone: "",
    owned: { before: 0, after: 1 },
    copies: { before: 0, after: 1 },
    bytesGained,
  });

  it("is a fifth more than the estimate, beside what a node keeps free in any case", () => {
    const plan = { nodes: [node("a", 100 * MIB)] };
    expect(roomLacks(plan, new Map([["a", 248 * MIB]]))).to.deep.equal([]);
    const [lack] = roomLacks(plan, new Map([["a", 248 * MIB - 1]]));
    expect(lack).to.deep.equal({ id: "a", gained: 100 * MIB, free: 248 * MIB - 1, needed: 248 * MIB });
    expect(roomLackText(lack!, "demo-1")).to.equal(
      "demo-1 would receive about 100 MiB and has 248 MiB free, where 248 MiB are needed",
    );
  });

  it("is asked of nobody who gains nothing, has said nothing, or whose gain could not be estimated", () => {
    const plan = { nodes: [node("a", 0), node("b", 9 * MIB), node("c", null)] };
    const free = new Map([
      ["a", 0],
      ["c", 0],
    ]);
    expect(roomLacks(plan, free)).to.deep.equal([]);
  });
});
