import { expect } from "chai";
import fc from "fast-check";
import { decodeRecord, encodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { type KeyRecord, merge } from "../../../../../node/core/version/record.ts";
import { keyNamed, seenBytes } from "../storage/sample-writes.ts";
import { ReplicaCluster, type ReplicaNode } from "./replica-cluster.ts";

/** Histories of three nodes that own everything: writes, deletions, copies that arrived or not, lost disks. */
const NODES = 3;
const KEYS = ["a", "b", "c", "d", "e"];

const node = fc.nat({ max: NODES - 1 });
const key = fc.constantFrom(...KEYS);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("put" as const), node, key, sees: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), node, key }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("copy" as const), node, to: node, key }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("loseDisk" as const), node }) },
  ),
  { maxLength: 25 },
);
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never;

async function apply(step: Step, text: string, cluster: ReplicaCluster): Promise<void> {
  const at = cluster.nodes[step.node]!;
  switch (step.kind) {
    case "put":
      return at.put(step.key, text, step.sees ? { seen: seenAt(at, step.key) } : {});
    case "delete":
      return at.put(step.key, "", { seen: seenAt(at, step.key), tombstone: true, contentType: "" });
    case "copy":
      return copy(cluster, at, cluster.nodes[step.to]!, step.key);
    case "loseDisk":
      at.loseDisk();
  }
}

function seenAt(at: ReplicaNode, name: string): Uint8Array {
  const record = at.record(name);
  return record === undefined ? new Uint8Array(0) : seenBytes(decodeRecord(record).coverage);
}

async function copy(
  cluster: ReplicaCluster,
  from: ReplicaNode,
  to: ReplicaNode,
  name: string,
): Promise<void> {
  const record = from.record(name);
  if (record === undefined) return;
  const stored = to.store.store({ position: keyNamed(name).position, record, keptFor: [] });
  await cluster.settle();
  await stored;
}

/** The merge of all copies of each key, in hex. */
function wanted(cluster: ReplicaCluster): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const name of KEYS) {
    const copies = cluster.nodes.flatMap((each) => each.record(name) ?? []).map(decodeRecord);
    if (copies.length > 0) merged[name] = hex(encodeRecord(copies.reduce((a: KeyRecord, b) => merge(a, b))));
  }
  return merged;
}

function held(at: ReplicaNode): Record<string, string> {
  return Object.fromEntries(
    KEYS.flatMap((name) => {
      const record = at.record(name);
      return record === undefined ? [] : [[name, hex(record)]];
    }),
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("anti-entropy", function () {
  this.timeout(120_000);

  it("makes any copies equal to their merge, moving at most two records for each row that differs", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const cluster = new ReplicaCluster({ nodes: NODES });
        for (const [i, step] of history.entries()) await apply(step, `value ${i}`, cluster);
        const goal = wanted(cluster);
        // Twice round: the second node learns what the third had only when one of them asks the other.
        for (const at of [...cluster.nodes, ...cluster.nodes]) {
          for (const report of await cluster.compareNow(at)) {
            expect(report.outcome, report.reason).to.be.oneOf(["equal", "repaired"]);
            expect(report.recordsPulled + report.recordsPushed).to.be.at.most(2 * report.rowsDiffering);
            expect(report.partitionsCovered.length).to.equal(256);
          }
        }
        for (const at of cluster.nodes) expect(held(at)).to.deep.equal(goal);
        const roots = await Promise.all(cluster.nodes.map((at) => at.roots()));
        expect(roots[1]).to.deep.equal(roots[0]);
        expect(roots[2]).to.deep.equal(roots[0]);
        for (const report of await cluster.compareNow(cluster.nodes[0]!))
          expect(report).to.include({ outcome: "equal", partitionsDiffering: 0 });
      }),
      { numRuns: 60 },
    );
  });

  it("does the same by itself, in the background, whoever begins", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const cluster = new ReplicaCluster({ nodes: NODES });
        for (const [i, step] of history.entries()) await apply(step, `value ${i}`, cluster);
        const goal = wanted(cluster);
        cluster.start();
        await cluster.advance(30_000);
        for (const at of cluster.nodes) expect(held(at)).to.deep.equal(goal);
      }),
      { numRuns: 15 },
    );
  });
});
