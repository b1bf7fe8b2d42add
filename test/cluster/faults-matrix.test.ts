import { expect } from "chai";
import { allFaults, type Cell, cellName } from "./faults/catalogue/all-faults.ts";
import { ClusterPool } from "./faults/cluster-pool.ts";
import { runCell } from "./faults/fault-run.ts";

/**
 * Each fault once, briefly; W goes round among those that the fault allows; some of them once more while the ring changes.
 * `make faults` runs all cells at length. What is checked is in docs/RELIABILITY.md.
 */
const FAULT_MS = 3_000;
const CONVERGE_MS_MAX = 45_000;
const CHANGES_CONVERGE_MS_MAX = 120_000;

const WITH_CHANGES = ["kill one", "netsplit 2|3, drop"];

describe("cluster: faults: real nodes, N=3 R=2", function () {
  this.timeout(240_000);
  const pool = new ClusterPool();
  // Those that share a kind of disks share a cluster.
  const ordered = ["plain", "small", "volatile"].flatMap((disks) =>
    allFaults.filter((fault) => fault.disks === disks),
  );

  const cells: Cell[] = [
    ...ordered.map((fault, i) => {
      const w = fault.writeQuorums[i % fault.writeQuorums.length]!;
      return { fault, w, changes: false };
    }),
    ...ordered
      .filter(({ name }) => WITH_CHANGES.includes(name))
      .map((fault) => ({ fault, w: 2, changes: true })),
  ];

  after(() => pool.close());

  cells.forEach((cell) => {
    it(`${cellName(cell)}: nothing is lost, resurrected or corrupt, and all copies become equal`, async () => {
      const cluster = await pool.take(cell);
      try {
        const { failures } = await runCell(cluster, cell, {
          faultMs: FAULT_MS,
          convergeMsMax: cell.changes ? CHANGES_CONVERGE_MS_MAX : CONVERGE_MS_MAX,
        });
        expect(failures.join("\n")).to.equal("");
      } catch (error) {
        const files = await pool.discard();
        throw new Error(`${String(error)}\nThe nodes' logs and databases are in ${files}`, { cause: error });
      }
    });
  });
});
