import { expect } from "chai";
import { SeededRandom } from "./seeded-random.ts";
import { DatabaseFile, type Transaction } from "./simulated-disk.ts";
import type { TreePart } from "./simulated-tree.ts";

const row = {
  position: new Uint8Array(16),
  record: Uint8Array.of(1),
  digest: new Uint8Array(16),
  mine: new Uint8Array(0),
  keptFor: [],
};
const changes: TreePart = { kind: "changes", changes: { seq: 1, changes: new Uint8Array(24) } };
const block: TreePart = {
  kind: "block",
  block: { block: 0, through: 0, keys: 0, root: new Uint8Array(16), leaves: new Uint8Array(24) },
};
const transaction: Transaction = {
  rows: new Map([["a", row]]),
  tree: new Map<string, TreePart>([
    ["changes 1", changes],
    ["block 0", block],
  ]),
};

describe("simulator: disk", () => {
  it("has another revision after everything that changes a file", () => {
    const random = SeededRandom.ofSeed(1);
    const file = new DatabaseFile();
    const before = file.snapshot();
    const steps: (() => unknown)[] = [
      () => file.synced(transaction),
      () => file.flipBit("a", random),
      () => file.rotLeaves(random),
      () => file.rotRoot(random),
      () => file.loseRow("a"),
      () => file.restore(before),
      () => {
        file.syncStarted(transaction);
        file.crash(random, { kept: 1 });
      },
    ];
    const revisions = [file.revision, ...steps.map((step) => (step(), file.revision))];
    expect(new Set(revisions).size).to.equal(steps.length + 1);
  });
});
