import { expect } from "chai";
import { allFaults, cellName } from "./faults/catalogue/all-faults.ts";
import { ClusterPool } from "./faults/cluster-pool.ts";
import { runCell } from "./faults/fault-run.ts";

/**
 * Each fault once, briefly; W goes round among those that the fault allows. `make faults` runs all cells at length. What is
 * checked is in docs/RELIABILITY.md.
 */
const FAULT_MS = 3_000;
const CONVERGE_MS_MAX = 45_000;

describe("cluster: faults: five real nodes, N=3 R=2", function () {
  this.timeout(180_000);
  const pool = new ClusterPool();
  // Those that share a kind of disks share a cluster.
  const ordered = ["plain", "small", "volatile"].flatMap((disks) =>
    allFaults.filter((fault) => fault.disks === disks),
  );

  after(() => pool.close());

  ordered.forEach((fault, i) => {
    const cell = { fault, w: fault.writeQuorums[i % fault.writeQuorums.length]! };
    it(`${cellName(cell)}: nothing is lost, resurrected or corrupt, and all copies become equal`, async () => {
      const cluster = await pool.take(fault.disks);
      try {
        const { failures } = await runCell(cluster, cell, {
          faultMs: FAULT_MS,
          convergeMsMax: CONVERGE_MS_MAX,
        });
        expect(failures).to.deep.equal([]);
      } catch (error) {
        const files = await pool.discard();
        throw new Error(`${String(error)}\nThe nodes' logs and databases are in ${files}`, { cause: error });
      }
    });
  });
});
