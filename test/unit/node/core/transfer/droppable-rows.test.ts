import { expect } from "chai";
import { droppableRows } from "../../../../../node/core/transfer/droppable-rows.ts";
import { nodeId } from "../ring/made-ring.ts";

const row = (n: number) => ({ position: new Uint8Array(16).fill(n), digest: new Uint8Array(16) });
const page = [row(1), row(2), row(3)];
const owners = [nodeId(0), nodeId(1), nodeId(2)];
const taken = (...refused: Uint8Array[]) => ({ refused, unread: [] as Uint8Array[] });

describe("rows of a page that may be removed", () => {
  it("are all where every owner has them", () => {
    const all = new Map(owners.map((owner) => [owner, taken()]));
    expect(droppableRows(page, owners, all)).to.deep.equal(page);
  });

  it("are none where one owner has not answered for the page, or nobody owns it", () => {
    const two = new Map(owners.slice(1).map((owner) => [owner, taken()]));
    expect(droppableRows(page, owners, two)).to.deep.equal([]);
    expect(droppableRows(page, [], two)).to.deep.equal([]);
  });

  it("are not those that one owner will never take", () => {
    const all = new Map(owners.map((owner, i) => [owner, i === 1 ? taken(page[1]!.position) : taken()]));
    expect(droppableRows(page, owners, all)).to.deep.equal([page[0], page[2]]);
  });

  it("say of those that could not be read for one owner that nobody was given them", () => {
    const unread = [page[2]!.position];
    const all = new Map(owners.map((owner, i) => [owner, i === 1 ? { ...taken(), unread } : taken()]));
    expect(droppableRows(page, owners, all)).to.deep.equal([
      page[0],
      page[1],
      { ...page[2]!, isUnread: true },
    ]);
  });
});
