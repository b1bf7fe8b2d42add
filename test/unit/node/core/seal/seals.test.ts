import { expect } from "chai";
import { boundOf } from "../../../../../node/core/merkle/leaf.ts";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";
import { SealableSweep, SealGroups } from "../../../../../node/core/seal/sealable-sweep.ts";
import { SEALED_AT_ONCE_MAX } from "../../../../../node/core/seal/seal-round.ts";
import { emptyCoverage } from "../../../../../node/core/version/coverage.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { nodeId } from "../ring/made-ring.ts";
import { keyNamed, OWNER_A, seenBytes, writeOf } from "../storage/sample-writes.ts";
import { INTERVAL_MS, PAUSE_MS, SealCluster, type SealNode } from "./seal-cluster.ts";

const keys = Array.from({ length: 12 }, (_, i) => `key-${i}`);
const ROUND_MS = 2 * INTERVAL_MS + 1.1 * PAUSE_MS + 10_000;
const SECOND_PASS = 1;
const SEAL = 2;

describe("seals", () => {
  let cluster: SealCluster;
  /** Of each key the record with its value alone. */
  let values: Map<string, Uint8Array>;

  beforeEach(async () => {
    cluster = new SealCluster();
    values = new Map();
    const [first, ...others] = cluster.nodes as [SealNode, ...SealNode[]];
    for (const key of keys) {
      const { position } = keyNamed(key);
      first.rig.store.coordinate(writeOf(key, "value"));
      await first.rig.run();
      const { record } = first.data.read(position)!;
      values.set(key, record);
      const seen = seenBytes(decodeRecord(record).coverage);
      first.rig.store.coordinate(writeOf(key, "", { seen, tombstone: true }));
      await first.rig.run();
      for (const node of others.slice(0, 3)) {
        const deleted = first.data.read(position)!.record;
        void node.rig.store.store({ position, record: deleted, keptFor: [] });
        await node.rig.run();
      }
    }
  });

  function begin(): void {
    for (const node of cluster.nodes.slice(0, 4)) node.seals.start();
  }

  const left = (): number =>
    cluster.nodes.reduce((sum, { data, hints }) => sum + data.count() + hints.count(), 0);
  const outcomes = (): string[] =>
    cluster.nodes.slice(0, 4).flatMap(({ seals }) => seals.lastRound()?.outcome ?? []);

  async function keepHint(node: SealNode, key: string): Promise<void> {
    const incoming = { position: keyNamed(key).position, record: values.get(key)!, keptFor: [OWNER_A] };
    void node.rig.store.store(incoming);
    await node.rig.run();
  }

  it("forget everywhere what is deleted everywhere, and not before the pause is over", async () => {
    begin();
    await cluster.pass(PAUSE_MS);
    expect(left()).to.equal(4 * keys.length);
    await cluster.pass(ROUND_MS);
    expect(left()).to.equal(0);
    expect(outcomes()).to.include("sealed");
  });

  it("leave a key alone of which a stand-in keeps the value, and forget the others", async () => {
    await keepHint(cluster.nodes[3]!, "key-0");
    begin();
    await cluster.pass(2 * ROUND_MS);
    expect(left()).to.equal(4 + 1);
    for (const { data } of cluster.nodes.slice(0, 4))
      expect(data.read(keyNamed("key-0").position)).to.not.equal(undefined);
  });

  it("leave a key alone to which something came between the passes, though it is gone by the second", async () => {
    begin();
    await cluster.pass(2 * INTERVAL_MS);
    const standIn = cluster.nodes[3]!;
    await keepHint(standIn, "key-0");
    standIn.hints.remove(keyNamed("key-0").position);
    await cluster.pass(ROUND_MS - 3 * INTERVAL_MS);
    expect(left()).to.equal(4);
  });

  const hindrances: readonly (readonly [string, string, (cluster: SealCluster) => void])[] = [
    ["is away", "silent", ({ nodes }) => (nodes[3]!.isUp = false)],
    ["does not answer the second time", "silent", ({ nodes }) => nodes[3]!.loses.add(SECOND_PASS)],
    ["has lost data", "recovering", ({ nodes }) => (nodes[3]!.isRecovering = true)],
  ];
  for (const [title, outcome, hinder] of hindrances) {
    it(`forget nothing while a member ${title}`, async () => {
      hinder(cluster);
      for (const node of cluster.nodes.slice(0, 3)) node.seals.start();
      await cluster.pass(2 * ROUND_MS);
      expect(left()).to.equal(4 * keys.length);
      expect(new Set(outcomes())).to.deep.equal(new Set([outcome]));
    });
  }

  it("forget nothing where a member stood still since the first pass", async () => {
    begin();
    await cluster.pass(2 * INTERVAL_MS);
    cluster.nodes[3]!.steadySinceMs = cluster.nowMs;
    await cluster.pass(ROUND_MS - 3 * INTERVAL_MS);
    expect(left()).to.equal(4 * keys.length);
    expect(outcomes()).to.include("unsteady");
  });

  it("forget nothing where the ring has changed since the first pass", async () => {
    begin();
    await cluster.pass(2 * INTERVAL_MS);
    cluster.digest = "d2";
    await cluster.pass(ROUND_MS - 3 * INTERVAL_MS);
    expect(left()).to.equal(4 * keys.length);
    expect(outcomes()).to.include("changing");
  });

  it("ask nodes that have left and still keep copies; not for ever, and not once those are gone", async () => {
    const gone = cluster.nodes[4]!;
    await keepHint(gone, "key-0");
    cluster.departed.push(gone.id);
    begin();
    await cluster.pass(2 * ROUND_MS);
    expect(left()).to.equal(4 + 1);
    gone.isUp = false;
    await cluster.pass(ROUND_MS);
    expect(outcomes()).to.include("silent");
    cluster.departed.length = 0;
    gone.hints.remove(keyNamed("key-0").position);
    await cluster.pass(2 * ROUND_MS);
    expect(left()).to.equal(0);
  });

  it("leave it to a later round where a member was not told", async () => {
    const deaf = cluster.nodes[3]!;
    deaf.loses.add(SEAL);
    begin();
    await cluster.pass(ROUND_MS);
    const kept = deaf.data.count();
    expect(kept).to.be.greaterThan(0);
    expect(left()).to.be.within(kept, kept + 4 * keys.length - 1);
    deaf.loses.clear();
    await cluster.pass(2 * ROUND_MS);
    for (const { data } of cluster.nodes.slice(0, 3)) expect(data.count()).to.equal(0);
  });

  it("decline what nodes ask that are no members", async () => {
    const answer = await cluster.nodes[0]!.seals.answer(nodeId(4), new Uint8Array([SEAL, 0]));
    expect(Buffer.from(answer).toString()).to.include("is no member");
  });

  it("ask about groups of a bounded size, whatever the rows", async () => {
    const groups = new SealGroups();
    const row = { ...keyNamed("a"), coverage: emptyCoverage, siblings: [] };
    for (let n = 0; n <= SEALED_AT_ONCE_MAX; n++) groups.add(row);
    groups.add({ ...row, key: new Uint8Array(600_000) });
    groups.add(row);
    expect(groups.groups.map(({ length }) => length)).to.deep.equal([SEALED_AT_ONCE_MAX, 1, 1, 1]);
  });

  it("walk over the partitions of which the node is the first owner, and no others", async () => {
    const found: string[] = [];
    for (const node of cluster.nodes.slice(0, 4)) {
      const ring = {
        current: () => cluster.ring,
        hash: () => "",
        preferenceList: (partition: number) => ({
          partition,
          owners: [nodeId(partition % 4), nodeId((partition + 1) % 4)],
          fallbacks: [],
        }),
      };
      const sweep = new SealableSweep(cluster.nodes[0]!.rig.store, ring, node.id);
      while (!sweep.isDone) {
        const read = await cluster.nodes[0]!.rig.until(sweep.step());
        if (read.status === "read") found.push(...read.rows.map(({ key }) => Buffer.from(key).toString()));
      }
    }
    expect(found.sort()).to.deep.equal([...keys].sort());
    expect(boundOf(LEAF_COUNT).length).to.equal(17);
  });
});
