import type { FaultCluster } from "../fault-cluster.ts";
import { logTail } from "../../../../client/local/node-process.ts";
import type { Side } from "../fault-load.ts";
import type { FaultNode } from "../fault-node.ts";
import { type Fault, pause } from "../fault.ts";
import {
  deleteDatabases,
  deleteRing,
  fillDisk,
  flipBitOfLog,
  flipBitsAnywhere,
  flipBitsOfValues,
  freeDisk,
  keepOldCopy,
  restoreOldCopy,
  slowDown,
} from "../node-disks.ts";

/**
 * Disks that are slow, full, rotten, lost or rolled back: at one node, because no store survives more bad disks than it
 * has copies besides. With W=1 an acknowledged write may be on that disk alone, so those cells have W > 1.
 */
const SYNC_MS = 300;
const FLIPS = 40;

function oneAndRest(first: string): (cluster: FaultCluster) => Side[] {
  return ({ nodes }) => [
    { name: first, nodes: nodes.slice(0, 1) },
    { name: "other nodes", nodes: nodes.slice(1) },
  ];
}

function everywhere({ nodes }: FaultCluster): Side[] {
  return [{ name: "all nodes", nodes }];
}

function others({ nodes }: FaultCluster): Side[] {
  return [{ name: "other nodes", nodes: nodes.slice(1) }];
}

/** Of the first node. One that is a spare, or has just left, may have no row of this run, and then nothing is done to it. */
function flipValues({ nodes, canChange }: FaultCluster, marker: string): void {
  if (flipBitsOfValues(nodes[0]!, marker, FLIPS) === 0 && !canChange)
    throw new Error(`node ${nodes[0]!.index} holds no value of ${marker}: nothing to flip`);
}

/** What a person does who reads in the log that a database is damaged. */
async function startOrEmpty(node: FaultNode): Promise<void> {
  try {
    await node.start();
  } catch (error) {
    await node.end("SIGKILL");
    if (!/file itself is damaged/.test(logTail(node, 1))) throw error;
    deleteDatabases(node);
    await node.start();
  }
}

const slow: Fault = {
  name: "slow disk",
  about: `every sync of one node's files takes ${SYNC_MS} ms longer`,
  disks: "plain",
  writeQuorums: [1, 2, 3],
  sides: oneAndRest("slow node"),
  harm: ({ cluster }) => {
    const victim = cluster.nodes[0]!;
    slowDown(victim, SYNC_MS);
    return Promise.resolve(() => Promise.resolve(slowDown(victim, 0)));
  },
};

const full: Fault = {
  name: "full disk",
  about: "one node's file system (a small tmpfs) has no byte left, and then has room again",
  disks: "small",
  writeQuorums: [1, 2, 3],
  sides: oneAndRest("full node"),
  harm: ({ cluster }) => {
    const victim = cluster.nodes[0]!;
    fillDisk(victim);
    return Promise.resolve(() => Promise.resolve(freeDisk(victim)));
  },
};

const rotRunning: Fault = {
  name: "bit rot, running",
  about: `single bits of ${FLIPS} bytes of values in data.db of one running node are flipped`,
  disks: "plain",
  writeQuorums: [2, 3],
  sides: everywhere,
  harm: async ({ cluster, load, durationMs }) => {
    await pause(durationMs / 2);
    flipValues(cluster, load.bucket);
    return () => Promise.resolve();
  },
};

const rotStopped: Fault = {
  name: "bit rot, restarted",
  about: `one node is killed; single bits of ${FLIPS} bytes of values in its data.db are flipped before it starts again`,
  disks: "plain",
  writeQuorums: [2, 3],
  sides: others,
  harm: async ({ cluster, load }) => {
    const victim = cluster.nodes[0]!;
    await victim.end("SIGKILL");
    flipValues(cluster, load.bucket);
    return () => victim.start();
  },
};

const rotInLog: Fault = {
  name: "bit rot, log",
  about:
    "one node is killed and a bit in the middle of its data.db's log is flipped: SQLite takes what follows for never written; " +
    "if it cannot start, its databases are deleted, as the log advises",
  disks: "plain",
  writeQuorums: [2, 3],
  sides: others,
  harm: async ({ cluster }) => {
    const victim = cluster.nodes[0]!;
    await victim.end("SIGKILL");
    if (!flipBitOfLog(victim) && !cluster.canChange)
      throw new Error(`the log of node ${victim.index} is empty: nothing to flip`);
    return () => startOrEmpty(victim);
  },
};

const rotAnywhere: Fault = {
  name: "bit rot, anywhere",
  about:
    "one node is killed; bits of 3 bytes anywhere in data.db are flipped, its B-trees included; if it cannot start, its databases are deleted, as the log advises",
  disks: "plain",
  writeQuorums: [2],
  sides: others,
  harm: async ({ cluster }) => {
    const victim = cluster.nodes[0]!;
    await victim.end("SIGKILL");
    flipBitsAnywhere(victim, 3);
    return () => startOrEmpty(victim);
  },
};

const empty: Fault = {
  name: "empty disk",
  about: "one node is killed and loses its databases before it starts again",
  disks: "plain",
  writeQuorums: [2, 3],
  sides: others,
  harm: async ({ cluster }) => {
    const victim = cluster.nodes[0]!;
    await victim.end("SIGKILL");
    deleteDatabases(victim);
    return () => victim.start();
  },
};

const oldCopy: Fault = {
  name: "old copy",
  about: "one node's databases are put back to what they were some seconds and acknowledged writes before",
  disks: "plain",
  writeQuorums: [2, 3],
  sides: others,
  harm: async ({ cluster, durationMs }) => {
    const victim = cluster.nodes[0]!;
    await victim.end("SIGKILL");
    keepOldCopy(victim);
    await victim.start();
    await pause(durationMs / 2);
    await victim.end("SIGKILL");
    restoreOldCopy(victim);
    return () => victim.start();
  },
};

const lostRing: Fault = {
  name: "ring store lost",
  about:
    "one node is killed and loses ring.json, and with it its votes on what becomes of the ring, before it starts again",
  disks: "plain",
  writeQuorums: [1, 2, 3],
  sides: others,
  harm: async ({ cluster }) => {
    const victim = cluster.nodes[0]!;
    await victim.end("SIGKILL");
    deleteRing(victim);
    return () => victim.start();
  },
};

const powerOne: Fault = {
  name: "power loss, one",
  about: "one node loses power: what it had not synced is gone",
  disks: "volatile",
  writeQuorums: [1, 2, 3],
  sides: others,
  harm: async ({ cluster }) => {
    const victims = cluster.nodes.slice(0, 1);
    await cluster.losePower(victims);
    return () => cluster.startAll();
  },
};

const powerAll: Fault = {
  name: "power loss, all",
  about: "all five nodes lose power at the same moment: whatever was not synced is gone everywhere",
  disks: "volatile",
  writeQuorums: [1, 2, 3],
  sides: everywhere,
  harm: async ({ cluster, durationMs }) => {
    await pause(durationMs * 0.8);
    await cluster.losePower(cluster.nodes);
    return () => cluster.startAll();
  },
};

export const disks: readonly Fault[] = [
  slow,
  full,
  rotRunning,
  rotStopped,
  rotInLog,
  rotAnywhere,
  empty,
  oldCopy,
  lostRing,
  powerOne,
  powerAll,
];
