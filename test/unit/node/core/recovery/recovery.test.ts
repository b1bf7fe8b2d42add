import { expect } from "chai";
import { join } from "../ring/change/change-scenes.ts";
import { changed, raised } from "../ring/change/elastic-rings.ts";
import { member, ringOf } from "../ring/made-ring.ts";
import { emptyImage } from "../storage/memory-database.ts";
import { writeOf } from "../storage/sample-writes.ts";
import { RecoveryCluster, type RecoveryNode } from "./recovery-rig.ts";

describe("Recovery", () => {
  let cluster: RecoveryCluster;
  let x: RecoveryNode;
  let y: RecoveryNode;
  let z: RecoveryNode;

  beforeEach(async () => {
    cluster = new RecoveryCluster();
    [x, y, z] = cluster.nodes as [RecoveryNode, RecoveryNode, RecoveryNode];
    for (const node of cluster.nodes) node.hasRing = false;
    await cluster.startAll();
    for (const node of cluster.nodes) void node.recovery.beforeFirstRing(false);
    await cluster.settle();
    for (const node of cluster.nodes) {
      node.hasRing = true;
      node.recovery.ringChanged();
    }
  });

  async function restart(node: RecoveryNode, meanwhile: () => void = () => undefined): Promise<void> {
    node.crash();
    meanwhile();
    await cluster.start(node);
  }

  /** x acknowledges so many writes to y. */
  async function write(count = 3): Promise<void> {
    for (let i = 0; i < count; i++) await cluster.replicate(y, x);
  }

  it("does not begin in a new cluster, nor when all of it restarts, with or without writes", async () => {
    for (const rounds of [1, 2]) {
      for (const node of cluster.nodes) node.crash();
      await cluster.startAll();
      await cluster.advance(5_000);
      for (const node of cluster.nodes) {
        expect(node.kinds, `round ${rounds}`).to.deep.equal([]);
        expect(node.recovery.partitionsLeft()).to.equal(0);
        for (const other of cluster.nodes) expect(node.recovery.isVoter(other.id)).to.equal(true);
      }
      await write();
      await cluster.replicate(x, z);
    }
  });

  it("begins at once where the database of a member is new, and its own file says what was there", async () => {
    await write();
    await cluster.advance(2_000);
    x.crash();
    x.data.restore(emptyImage);
    x.start();
    expect([x.recovery.isRecovering, x.recovery.isVoter(x.id)]).to.deep.equal([true, false]);
    expect(x.kinds).to.deep.equal(["replaced_database"]);
  });

  it("begins again where what it got is lost too, and the ring, before the node ran for a second", async () => {
    await write();
    await cluster.advance(2_000);
    for (let lives = 0; lives < 3; lives++) {
      x.crash();
      x.data.restore(emptyImage);
      await cluster.start(x);
      expect(x.recovery.isRecovering, `life ${lives}`).to.equal(true);
      x.hasRing = false;
    }
  });

  it("says when what it was told of is on stable storage", async () => {
    await write();
    x.crash();
    x.data.restore(emptyImage);
    x.acknowledgements = undefined;
    x.hasRing = false;
    x.start();
    const kept: boolean[] = [];
    void x.recovery.beforeFirstRing(false);
    await cluster.settle();
    x.recovery.handleControl({
      type: "recovery.seen",
      points: [{ storeId: "ab".repeat(8), runId: "cd".repeat(8), sequence: 1 }],
    });
    void x.recovery.beforeFirstRing(false).then((isKept) => kept.push(isKept && x.recovery.isRecovering));
    await Promise.resolve();
    expect(kept).to.deep.equal([]);
    await cluster.settle();
    expect(kept).to.deep.equal([true]);
    x.crash();
    x.hasRing = true;
    x.start();
    expect(x.recovery.isRecovering, "and the next process knows it").to.equal(true);
  });

  it("remembers the store of its first second", async () => {
    await restart(x);
    x.crash();
    x.data.restore(emptyImage);
    x.hasRing = false;
    x.start();
    expect(x.recovery.isRecovering).to.equal(true);
  });

  it("begins where the database and the file are lost, as long as there is a ring", async () => {
    await write();
    await restart(x, () => {
      x.data.restore(emptyImage);
      x.acknowledgements = undefined;
    });
    expect(x.kinds[0]).to.equal("new_database");
    expect(x.recovery.isRecovering).to.equal(true);
  });

  it("begins where a member has no ring although nobody remembers a loss, and has that written down first", async () => {
    expect(x.recovery.isRecovering).to.equal(false);
    let isKept = false;
    void x.recovery.beforeFirstRing(true).then(() => (isKept = true));
    expect(x.kinds).to.deep.equal(["lost_ring"]);
    await Promise.resolve();
    expect(isKept).to.equal(false);
    await cluster.settle();
    expect(isKept).to.equal(true);
    x.crash();
    x.start();
    expect(x.recovery.isRecovering).to.equal(true);
  });

  it("begins where the process that found a new database beside the ring died before it had written that down", async () => {
    x.crash();
    x.data.restore(emptyImage);
    x.acknowledgements = undefined;
    x.start();
    expect(x.recovery.isRecovering).to.equal(true);
    x.crash();
    x.acknowledgements = undefined;
    x.start();
    expect(x.recovery.isRecovering).to.equal(true);
  });

  it("says within 2 s that data.db takes no write, and nothing twice", async () => {
    x.crash();
    x.data.restore(emptyImage);
    x.acknowledgements = undefined;
    x.hasRing = false;
    x.start();
    const kept: boolean[] = [];
    x.life.store.refuseWrites({ ok: false, code: "storage_failed", message: "the disk fails" });
    void x.recovery.beforeFirstRing(false).then((isKept) => kept.push(isKept));
    await cluster.advance(1_900);
    expect(kept).to.deep.equal([]);
    await cluster.advance(200);
    expect(kept).to.deep.equal([false]);
    x.life.store.refuseWrites(undefined);
    await cluster.advance(3_000);
    expect(kept).to.deep.equal([false]);
    expect(await x.recovery.beforeFirstRing(false)).to.equal(true);
  });

  it("does not begin with a first ring that was agreed on, nor ever after", async () => {
    x.crash();
    x.data.restore(emptyImage);
    x.acknowledgements = undefined;
    x.hasRing = false;
    x.start();
    void x.recovery.beforeFirstRing(false);
    await cluster.settle();
    x.crash();
    x.acknowledgements = undefined;
    x.hasRing = true;
    x.start();
    expect(x.recovery.isRecovering).to.equal(false);
  });

  it("begins when a peer tells of acknowledgements that the disk does not have any more", async () => {
    await write(2);
    const old = { data: x.data.snapshot(), file: x.acknowledgements };
    await write(2);
    await restart(x, () => {
      x.data.restore(old.data);
      x.acknowledgements = old.file;
    });
    expect(x.kinds).to.deep.equal(["rolled_back"]);
    for (const peer of [y, z]) expect(peer.recovery.isVoter(x.id), "all are told").to.equal(false);
    expect(x.recovery.handleControl({ type: "recovery.seen", points: [] })).to.include({ recovering: true });
  });

  it("begins where what a node coordinated itself is gone, which it acknowledged to nobody", async () => {
    const old = { data: x.data.snapshot(), file: x.acknowledgements };
    const { durable } = x.life.store.coordinate(writeOf("of its own", "v"));
    await cluster.settle();
    expect((await durable).ok).to.equal(true);
    await cluster.advance(10_000);
    await restart(x, () => {
      x.data.restore(old.data);
      x.acknowledgements = old.file;
    });
    expect(x.kinds).to.deep.equal(["rolled_back"]);
  });

  it("keeps no file that says nothing new", async () => {
    await write();
    await cluster.advance(10_000);
    const file = y.acknowledgements;
    await cluster.advance(60_000);
    expect(y.acknowledgements).to.equal(file);
    expect(Object.keys(JSON.parse(Buffer.from(file!).toString()).nodes[y.id][0])).to.deep.equal([
      "storeId",
      "runId",
      "sequence",
    ]);
  });

  it("does not begin where a peer tells of less than there is", async () => {
    await write(2);
    cluster.split(x, y);
    for (let i = 0; i < 3; i++) await cluster.replicate(z, x);
    await restart(x);
    await cluster.heal(x, y);
    expect(x.kinds).to.deep.equal([]);
  });

  it("is no vote for a peer that remembers it until that peer has its answer", async () => {
    await write();
    cluster.isSilent = true;
    await restart(x);
    expect(y.recovery.isVoter(x.id)).to.equal(false);
    expect(z.recovery.isVoter(x.id), "it heard of it at the last connect").to.equal(false);
    cluster.isSilent = false;
    await cluster.advance(1_000);
    for (const peer of [y, z]) expect(peer.recovery.isVoter(x.id)).to.equal(true);
  });

  it("ends once everything was compared with every co-owner, and not before", async () => {
    await write();
    await restart(x, () => x.data.restore(emptyImage));
    expect(x.compareSoon).to.include.members([y.id, z.id]);
    x.comparedWith(y.id);
    x.comparedWith(z.id, [0, 1, 2]);
    expect([x.recovery.isRecovering, x.recovery.partitionsLeft()]).to.deep.equal([true, 5]);
    x.comparedWith(z.id, [3, 4, 5, 6, 7]);
    expect([x.recovery.isRecovering, x.recovery.partitionsLeft()]).to.deep.equal([false, 0]);
    expect(x.kinds.at(-1)).to.equal("recovery_finished");
    await cluster.advance(2_000);
    expect(y.recovery.isVoter(x.id), "its peers hear of it").to.equal(true);
  });

  it("goes on after a restart in the middle, and does not come again after its end", async () => {
    await write();
    await restart(x, () => x.data.restore(emptyImage));
    x.comparedWith(y.id);
    await restart(x);
    expect(x.kinds.at(-1)).to.equal("restarted");
    expect(x.recovery.partitionsLeft()).to.equal(8);
    x.comparedWith(y.id);
    x.comparedWith(z.id);
    await cluster.advance(2_000);
    await restart(x);
    await cluster.advance(2_000);
    expect(x.recovery.isRecovering).to.equal(false);
    expect(x.kinds.at(-1)).to.equal("recovery_finished");
  });

  it("does not come again when a peer that was away all the while tells of the same loss", async () => {
    await write(2);
    await cluster.replicate(z, x);
    const old = { data: x.data.snapshot(), file: x.acknowledgements };
    await write(2);
    await cluster.replicate(z, x);
    cluster.split(x, z);
    await restart(x, () => {
      x.data.restore(old.data);
      x.acknowledgements = old.file;
    });
    for (const peer of [y, z]) x.comparedWith(peer.id);
    await write();
    await restart(x);
    await cluster.heal(x, z);
    expect(x.kinds).to.deep.equal(["rolled_back", "recovery_finished"]);
    await cluster.advance(2_000);
    expect(z.recovery.isVoter(x.id)).to.equal(true);
  });

  it("begins again where the same old copy is put back a second time", async () => {
    await write(2);
    const old = x.data.snapshot();
    for (const times of [1, 2]) {
      await write(2);
      await cluster.advance(2_000);
      await restart(x, () => {
        x.data.restore(old);
        x.acknowledgements = undefined;
      });
      expect(x.recovery.isRecovering, `${times}. time`).to.equal(true);
      for (const peer of [y, z]) x.comparedWith(peer.id);
      await cluster.advance(2_000);
      expect(x.recovery.isRecovering).to.equal(false);
    }
  });

  it("remembers the loss through a crash that comes before it is written down", async () => {
    await write(2);
    const old = x.data.snapshot();
    await write(2);
    await restart(x, () => {
      x.data.restore(old);
      x.acknowledgements = undefined;
    });
    x.crash();
    x.data.restore(old);
    x.acknowledgements = undefined;
    await cluster.start(x);
    expect(x.recovery.isRecovering).to.equal(true);
  });

  it("counts comparisons from the start of the process: what was lost was lost before", async () => {
    await write();
    cluster.split(x, y);
    const old = x.data.snapshot();
    await write();
    await restart(x, () => {
      x.data.restore(old);
      x.acknowledgements = undefined;
    });
    for (const peer of [y, z]) x.comparedWith(peer.id);
    await cluster.heal(x, y);
    expect(x.kinds).to.deep.equal(["rolled_back", "recovery_finished"]);
  });

  it("of a node that gains copies goes on until it owns them: the flip may rest on what it said before", async () => {
    const { transfer, flipped } = changed(
      raised(ringOf({ members: [member(1), member(2)], partitions: 8 })),
      join(member(0)),
    );
    for (const node of cluster.nodes) node.ring = transfer;
    await restart(x, () => x.data.restore(emptyImage));
    expect([x.recovery.isRecovering, x.recovery.partitionsLeft()]).to.deep.equal([true, 8]);
    x.comparedWith(y.id);
    for (const node of cluster.nodes) node.ring = flipped;
    x.recovery.ringChanged();
    await cluster.settle();
    expect([x.recovery.isVoter(x.id), x.compareSoon.at(-1)]).to.deep.equal([false, z.id]);
    x.comparedWith(z.id);
    expect(x.recovery.isVoter(x.id)).to.equal(true);
  });

  it("goes on without its file, and says that it could not read it", async () => {
    await write();
    await restart(x, () => (x.acknowledgements = new Uint8Array([1, 2, 3])));
    expect(x.kinds).to.deep.equal(["acknowledgements_unreadable"]);
    expect(x.recovery.isRecovering).to.equal(false);
  });

  it("saves what it remembers within a second, and when it stops", async () => {
    await cluster.advance(1_100);
    const before = y.acknowledgements;
    await write();
    await cluster.advance(1_100);
    const later = y.acknowledgements;
    expect(later).not.to.equal(before);
    await write();
    await y.recovery.stop();
    expect(y.acknowledgements).not.to.equal(later);
  });
});
