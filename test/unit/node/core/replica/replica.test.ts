import { expect } from "chai";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { ReplicaRead, ReplicaStore, Stored } from "../../../../../node/core/ports/replica-store.ts";
import { Replica } from "../../../../../node/core/replica/replica.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { FORMED } from "../../../../../node/core/ring/ring-number.ts";
import { decodeReplicaRead, decodeStale, decodeStored } from "../../../../../node/core/wire/replies.ts";
import { join } from "../ring/change/change-scenes.ts";
import { changed, raised } from "../ring/change/elastic-rings.ts";
import { member, membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

const formed = ringOf({ members: membersOf(4), partitions: 64 });
const settled = raised(formed);
const { transfer, flipped, ended } = changed(settled, join(member(4)));

const FROM = nodeId(1);
const write = { position: new Uint8Array(16), record: new Uint8Array(1), keptFor: [] };
const query = {
  position: new Uint8Array(16),
  bucket: new Uint8Array(1),
  key: new Uint8Array(1),
  want: "digest",
} as const;

/** A replica that serves a ring; the test answers for its disk and for the peers that have a later one. */
class ReplicaRig implements Pick<ReplicaStore, "store" | "read"> {
  readonly events: CoreEvent[] = [];
  readonly stored: unknown[] = [];
  readonly asked: string[] = [];
  /** What a peer gives. */
  later: Ring | undefined;
  isMember = true;
  mayAcknowledge = true;
  onDisk: () => void = () => undefined;
  ring: Ring | undefined;
  readonly replica: Replica;

  constructor(ring: Ring | undefined) {
    this.ring = ring;
    this.replica = new Replica({
      ring: {
        current: () => this.ring,
        isMember: () => this.isMember,
        mayAcknowledge: () => this.mayAcknowledge,
        catchUp: async (peer) => {
          this.asked.push(peer);
          this.ring = this.later ?? this.ring;
        },
      },
      store: this as unknown as ReplicaStore,
      observer: { event: (event) => void this.events.push(event) },
      isVoter: () => true,
      onCorrupt: () => undefined,
    });
  }

  async store(incoming: unknown): Promise<Stored> {
    this.stored.push(incoming);
    this.onDisk();
    return { ok: true };
  }

  async read(): Promise<ReplicaRead> {
    this.onDisk();
    return { status: "not_found" };
  }

  /** What it says to a write and to a read that were planned by this ring. */
  async answers(planned: Pick<Ring, "generation" | "epoch">): Promise<unknown[]> {
    const toWrite = await this.replica.replicate(FROM, write, planned);
    const toRead = await this.replica.read(FROM, query, planned);
    return [decodeStale(toWrite) ?? decodeStored(toWrite), decodeStale(toRead) ?? decodeReplicaRead(toRead)];
  }
}

const SERVED = [{ ok: true }, { status: "not_found" }];

function stale({ generation, epoch }: Ring): unknown[] {
  return [
    { generation, epoch },
    { generation, epoch },
  ];
}

describe("replica", () => {
  it("serves what was planned by its own ring, or by an older one that goes to the same owners", async () => {
    expect(await new ReplicaRig(formed).answers(FORMED)).to.deep.equal(SERVED);
    expect(await new ReplicaRig(settled).answers(FORMED)).to.deep.equal(SERVED);
    expect(await new ReplicaRig(transfer).answers(transfer)).to.deep.equal(SERVED);
    expect(await new ReplicaRig(ended).answers(flipped)).to.deep.equal(SERVED);
  });

  it("refuses what was planned before a begin or a flip, stores nothing of it and says which ring it has", async () => {
    const rig = new ReplicaRig(transfer);
    expect(await rig.answers(settled)).to.deep.equal(stale(transfer));
    expect(rig.stored).to.deep.equal([]);
    expect(rig.events).to.deep.include({ kind: "stale_plan_refused", peerId: FROM });
    expect(await new ReplicaRig(flipped).answers(transfer)).to.deep.equal(stale(flipped));
  });

  it("refuses what an older generation planned", async () => {
    expect(await new ReplicaRig({ ...settled, generation: 1, epoch: 1 }).answers(settled)).to.deep.equal([
      { generation: 1, epoch: 1 },
      { generation: 1, epoch: 1 },
    ]);
  });

  it("takes a later ring over from who planned by it, before it answers", async () => {
    const rig = new ReplicaRig(settled);
    rig.later = transfer;
    expect(await rig.answers(transfer)).to.deep.equal(SERVED);
    expect(rig.asked).to.deep.equal([FROM]);
  });

  it("fails where that ring is not to be had: it may own nothing by it", async () => {
    const rig = new ReplicaRig(settled);
    const [toWrite, toRead] = await rig.answers(transfer);
    expect(toWrite).to.include({ ok: false, code: "storage_failed" });
    expect(toRead).to.include({ status: "failed" });
    expect(rig.stored).to.deep.equal([]);
  });

  it("acknowledges and shows nothing by a ring that it stopped to accept while the disk was busy", async () => {
    const rig = new ReplicaRig(settled);
    rig.onDisk = () => (rig.ring = transfer);
    expect(decodeStale(await rig.replica.replicate(FROM, write, settled))).to.include({
      epoch: transfer.epoch,
    });
    rig.onDisk = () => (rig.ring = flipped);
    expect(decodeStale(await rig.replica.read(FROM, query, transfer))).to.include({ epoch: flipped.epoch });
  });

  it("refuses once it has left the ring", async () => {
    const rig = new ReplicaRig(ended);
    rig.isMember = false;
    expect(await rig.answers(flipped)).to.deep.equal(stale(ended));
  });

  it("acknowledges no write while its ring store is another than the one that is listed", async () => {
    const rig = new ReplicaRig(settled);
    rig.mayAcknowledge = false;
    const [toWrite, toRead] = await rig.answers(settled);
    expect(toWrite).to.include({ ok: false, code: "storage_failed" });
    expect(rig.stored).to.deep.equal([]);
    expect(toRead, "who asks is told that it recovers").to.deep.equal({ status: "not_found" });
  });

  it("serves without a ring what the formed one planned, and gets any later one first", async () => {
    const rig = new ReplicaRig(undefined);
    expect(await rig.answers(FORMED)).to.deep.equal(SERVED);
    expect(rig.asked).to.deep.equal([]);
    rig.later = transfer;
    expect(await rig.answers(transfer)).to.deep.equal(SERVED);
    expect(rig.asked).to.deep.equal([FROM]);
  });
});
