import { expect } from "chai";
import { afterLoss, lossToldBy } from "../../../../../node/core/recovery/loss.ts";
import { at } from "./store-points.ts";

const opened = { ...at(1, 10, 100), lostStores: [], recovering: false, isNew: false, hintsLost: undefined };
const known = { lostStores: [] };

describe("lossToldBy", () => {
  it("finds nothing missing where the store has all that earlier runs acknowledged", () => {
    expect(lossToldBy([], opened, known)).to.equal(undefined);
    expect(lossToldBy([at(1, 8, 100), at(1, 9, 90)], opened, known)).to.equal(undefined);
  });

  it("does not hold what this run acknowledged against what it began with", () => {
    expect(lossToldBy([at(1, 10, 5_000)], opened, known)).to.equal(undefined);
  });

  it("finds a store rolled back that acknowledged more in an earlier run", () => {
    expect(lossToldBy([at(1, 9, 101)], opened, known)).to.deep.equal({
      stores: [at(1, 9, 101).storeId],
      isRolledBack: true,
    });
  });

  it("finds a store replaced where another one acknowledged, however little", () => {
    expect(lossToldBy([at(2, 9, 1), at(2, 8, 3)], opened, known)).to.deep.equal({
      stores: [at(2, 0, 0).storeId],
      isRolledBack: false,
    });
  });

  it("finds nothing new in what it has answered for already", () => {
    const answered = { lostStores: [at(2, 0, 0).storeId, at(1, 0, 0).storeId] };
    expect(lossToldBy([at(2, 9, 1), at(1, 9, 999)], opened, answered)).to.equal(undefined);
  });
});

describe("afterLoss", () => {
  const identity = { storeId: opened.storeId, lostStores: ["a"], recovering: false };
  const newId = (): string => "new";

  it("keeps the identity of a database that replaced another one", () => {
    const loss = { stores: ["b", "a"], isRolledBack: false };
    expect(afterLoss(identity, loss, newId)).to.deep.equal({
      storeId: opened.storeId,
      lostStores: ["a", "b"],
      recovering: true,
    });
  });

  it("gives one that was rolled back a new identity: its next numbers were acknowledged before", () => {
    const loss = { stores: [opened.storeId], isRolledBack: true };
    expect(afterLoss(identity, loss, newId)).to.deep.equal({
      storeId: "new",
      lostStores: ["a", opened.storeId],
      recovering: true,
    });
  });

  it("remembers the latest predecessors only", () => {
    let now = identity;
    for (let i = 0; i < 200; i++)
      now = afterLoss(now, { stores: [`${i}`], isRolledBack: false }, newId) as typeof now;
    expect(now.lostStores.length).to.equal(64);
    expect(now.lostStores.at(-1)).to.equal("199");
  });
});
