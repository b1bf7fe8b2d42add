import { expect } from "chai";
import { decodeAnswer } from "../../../../../node/core/antientropy/exchange-answers.ts";
import { type Question, writeQuestion } from "../../../../../node/core/antientropy/exchange-questions.ts";
import { ExchangeServer } from "../../../../../node/core/antientropy/exchange-server.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { LeavesRead, MerkleStore } from "../../../../../node/core/ports/merkle-store.ts";
import { routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

/** Node 0 of four, whose disk answers when the test says so. With N=2 the others share some of its partitions. */
const ring = ringOf({ members: membersOf(4), replicas: 2, partitions: 8, owners: [0, 1, 2, 3, 0, 1, 2, 3] });
const routes = routesOf(ring);
const STRANGER = nodeId(99);
const name = { epoch: 1, digest: "ring" };

class ServerRig {
  readonly waiting: ((read: LeavesRead) => void)[] = [];
  mayBegin = true;
  nowMs = 0;
  readonly equal: NodeId[] = [];
  readonly server: ExchangeServer;

  constructor() {
    const merkle: Partial<MerkleStore> = {
      partitionRoots: (partitions) =>
        Promise.resolve({
          status: "read",
          partitions: Array.from({ length: partitions }, () => ({ root: new Uint8Array(16), keys: 0 })),
        }),
      leafHashes: () => new Promise((resolve) => this.waiting.push(resolve)),
      recordsAt: () => Promise.resolve({ status: "failed", message: "disk" }),
    };
    this.server = new ExchangeServer({
      self: nodeId(0),
      ring: {
        current: () => ring,
        hash: () => "ring",
        preferenceList: (partition) => routes[partition]!.read,
        routes: (partition) => routes[partition]!,
      },
      clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
      merkle: merkle as MerkleStore,
      observer: { event: () => undefined },
      mayBegin: () => this.mayBegin,
      isRecovering: () => false,
      onEqual: (peer) => this.equal.push(peer),
      onCorrupt: () => undefined,
      onRootsWrong: () => undefined,
    });
  }

  async ask(from: NodeId, question: Question): Promise<string> {
    const writer = new ByteWriter();
    writeQuestion(writer, question);
    const answer = decodeAnswer(question.kind, await this.server.answer(from, writer.finish()));
    return answer.status;
  }
}

/** Of these only 0 and 4 belong to node 0 and node 1 both: a walk from them meets 0, then 1. */
const leavesOf = (partition: number): Question => ({
  kind: "leaves",
  ring: name,
  ranges: [{ first: partition * 32_768, count: 10 }],
});
const positionIn = (partition: number): Uint8Array => new Uint8Array(16).fill(partition << 5, 0, 1);
const roots = (count: number): Question => ({
  kind: "roots",
  ring: name,
  roots: Array.from({ length: count }, () => new Uint8Array(16)),
});

describe("a node that is asked in an exchange", () => {
  it("shows a co-owner what both own, and nothing else", async () => {
    const rig = new ServerRig();
    expect(await rig.ask(nodeId(1), leavesOf(1))).to.equal("refused");
    expect(await rig.ask(nodeId(2), leavesOf(0))).to.equal("refused");
    for (const kind of ["versions", "records"] as const) {
      const positions = [positionIn(0), positionIn(1)];
      expect(await rig.ask(nodeId(1), { kind, ring: name, positions })).to.equal("refused");
      expect(await rig.ask(nodeId(1), { kind, ring: name, positions: [positionIn(4)] })).to.equal("failed");
    }
    expect(
      await rig.ask(nodeId(1), { kind: "rows", ring: name, leaves: [0, 32_768], after: undefined }),
    ).to.equal("refused");
    expect(rig.waiting.length).to.equal(0);
  });

  it("shows a node that is no member nothing, also not that all is equal", async () => {
    const rig = new ServerRig();
    expect(await rig.ask(STRANGER, roots(0))).to.equal("refused");
    expect(await rig.ask(STRANGER, leavesOf(0))).to.equal("refused");
    expect(rig.equal).to.deep.equal([]);
  });

  it("shows everybody which rows it has, and in which versions, of what it owns: for those with misplaced copies", async () => {
    const rig = new ServerRig();
    const versions = (partition: number): Question => ({
      kind: "versions",
      ring: name,
      positions: [positionIn(partition)],
    });
    // Its disk says nothing, but it was asked.
    expect(await rig.ask(STRANGER, versions(0))).to.equal("failed");
    expect(await rig.ask(STRANGER, versions(1))).to.equal("refused");
    expect(await rig.ask(STRANGER, { ...versions(0), kind: "records" } as Question)).to.equal("refused");
  });

  it("compares single partitions with whoever keeps them too, with two nodes at a time", async () => {
    const rig = new ServerRig();
    const some = (...partitions: number[]): Question => ({
      kind: "roots",
      ring: name,
      partitions,
      roots: partitions.map(() => new Uint8Array(16)),
    });
    expect(await rig.ask(nodeId(1), some(0, 1))).to.equal("refused");
    expect(await rig.ask(nodeId(1), some(8))).to.equal("refused");
    expect(await rig.ask(nodeId(1), some(4))).to.equal("ok");
    expect(rig.equal).to.deep.equal([]);
    // Partitions 3 and 7 belong to nodes 3 and 0.
    expect(await rig.ask(nodeId(3), some(3))).to.equal("ok");
    rig.mayBegin = false;
    expect(await rig.ask(nodeId(1), some(4))).to.equal("ok");
    expect(await rig.ask(nodeId(1), roots(2))).to.equal("busy");
  });

  it("refuses roots that are not one for each shared partition", async () => {
    const rig = new ServerRig();
    expect(await rig.ask(nodeId(1), roots(1))).to.equal("refused");
    expect(await rig.ask(nodeId(1), roots(2))).to.equal("ok");
    expect(rig.equal).to.deep.equal([nodeId(1)]);
  });

  it("answers nobody with another ring", async () => {
    const rig = new ServerRig();
    const other = { epoch: 2, digest: "other" };
    expect(await rig.ask(nodeId(1), { ...roots(2), ring: other })).to.equal("other_ring");
  });

  it("begins no exchange while it repairs its own copies, but goes on with those under way", async () => {
    const rig = new ServerRig();
    rig.mayBegin = false;
    expect(await rig.ask(nodeId(1), roots(2))).to.equal("busy");
    const answer = rig.ask(nodeId(1), leavesOf(0));
    rig.waiting.shift()!({ status: "read", leaves: [], rootsWrong: [] });
    expect(await answer).to.equal("ok");
  });

  it("works on two questions of a peer at once, and tells it so", async () => {
    const rig = new ServerRig();
    const first = rig.ask(nodeId(1), leavesOf(0));
    const second = rig.ask(nodeId(1), leavesOf(0));
    expect(await rig.ask(nodeId(1), leavesOf(0))).to.equal("busy");
    for (const answer of rig.waiting) answer({ status: "failed", message: "disk" });
    expect(await Promise.all([first, second])).to.deep.equal(["failed", "failed"]);
    const third = rig.ask(nodeId(1), leavesOf(0));
    rig.waiting.at(-1)!({ status: "read", leaves: [], rootsWrong: [] });
    expect(await third).to.equal("ok");
  });
});
