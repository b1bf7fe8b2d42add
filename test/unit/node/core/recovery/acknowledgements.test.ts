import { expect } from "chai";
import { Acknowledgements } from "../../../../../node/core/recovery/acknowledgements.ts";
import {
  decodeAcknowledgements,
  encodeAcknowledgements,
  storePoints,
} from "../../../../../node/core/recovery/acknowledgements-codec.ts";
import { nodeId } from "../ring/made-ring.ts";
import { at } from "./store-points.ts";

const PEER = nodeId(1);
const OTHER = nodeId(2);

describe("Acknowledgements", () => {
  it("remember the farthest point of each run, whatever the order of the answers", () => {
    const memory = new Acknowledgements();
    for (const sequence of [3, 5, 4]) memory.acknowledged(PEER, at(1, 1, sequence));
    memory.acknowledged(PEER, at(1, 2, 6));
    memory.acknowledged(PEER, at(1, 1, 7));
    memory.acknowledged(OTHER, at(9, 9, 1));
    expect(memory.pointsOf(PEER)).to.deep.equal([at(1, 1, 7), at(1, 2, 6)]);
    expect(memory.pointsOf(OTHER)).to.deep.equal([at(9, 9, 1)]);
  });

  it("have nothing new to keep where nothing came farther", () => {
    const memory = new Acknowledgements();
    memory.acknowledged(PEER, at(1, 1, 3));
    const { changes } = memory;
    memory.acknowledged(PEER, at(1, 1, 3));
    expect(memory.changes).to.equal(changes);
    memory.acknowledged(PEER, at(1, 1, 4));
    expect(memory.changes).to.be.greaterThan(changes);
  });

  it("forget what a node has answered for, and nothing that it was not told", () => {
    const memory = new Acknowledgements();
    memory.acknowledged(PEER, at(1, 1, 10));
    const told = memory.pointsOf(PEER);
    memory.acknowledged(PEER, at(1, 2, 12));
    memory.answered(PEER, told, at(2, 3, 4));
    expect(memory.pointsOf(PEER)).to.deep.equal([at(1, 2, 12), at(2, 3, 4)]);
  });

  it("go on from what a node said of itself, also where an acknowledgement has overtaken the answer", () => {
    const memory = new Acknowledgements();
    memory.acknowledged(PEER, at(1, 1, 10));
    const told = memory.pointsOf(PEER);
    memory.acknowledged(PEER, at(1, 2, 15));
    memory.answered(PEER, told, at(1, 2, 14));
    expect(memory.pointsOf(PEER)).to.deep.equal([at(1, 2, 15)]);
  });

  it("stay bounded over many runs, and keep the farthest of every store that there is room for", () => {
    const memory = new Acknowledgements();
    memory.acknowledged(PEER, at(7, 1_000, 1));
    for (let run = 1; run <= 100; run++) memory.acknowledged(PEER, at(1, run, 1_000 - run));
    const points = memory.pointsOf(PEER);
    expect(points.length).to.be.at.most(8);
    expect(points).to.deep.include(at(1, 1, 999));
    expect(points).to.deep.include(at(7, 1_000, 1));
    expect(points.at(-1)).to.deep.equal(at(1, 100, 900));
  });

  it("survive their file", () => {
    const memory = new Acknowledgements();
    memory.acknowledged(PEER, at(1, 1, 7));
    memory.acknowledged(PEER, at(1, 2, 8));
    memory.acknowledged(OTHER, at(2, 3, 5_000_000_000));
    const again = decodeAcknowledgements(encodeAcknowledgements(memory))!;
    for (const node of [PEER, OTHER]) expect(again.pointsOf(node)).to.deep.equal(memory.pointsOf(node));
  });

  it("are nothing where their file is none, and skip what is malformed in it", () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const bad = ["", "{", "[]", '{"version":2,"nodes":{}}', '{"version":1,"nodes":{"me":[]}}'];
    for (const text of bad) expect(decodeAcknowledgements(bytes(text)), text).to.equal(undefined);
    expect(decodeAcknowledgements(new Uint8Array([255]))).to.equal(undefined);
    const half = storePoints([at(1, 1, 1), { ...at(1, 1, 1), sequence: -1 }, { storeId: "x" }, null, 7]);
    expect(half).to.deep.equal([at(1, 1, 1)]);
    expect(storePoints("no list")).to.deep.equal([]);
  });
});
