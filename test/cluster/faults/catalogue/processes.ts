import type { FaultCluster } from "../fault-cluster.ts";
import type { Side } from "../fault-load.ts";
import type { FaultNode } from "../fault-node.ts";
import { type Fault, pause } from "../fault.ts";

/** Processes that die, stop or freeze. Clients are at the nodes that go on. */
const ALL_W = [1, 2, 3] as const;
const ALL_DEAD_MS = 500;
/** From a hiccup to what everybody else takes for death. */
const FREEZE_MS = [1_000, 60_000] as const;

function rest(count: number): (cluster: FaultCluster) => Side[] {
  return ({ nodes }) => [{ name: "other nodes", nodes: nodes.slice(count) }];
}

function everywhere({ nodes }: FaultCluster): Side[] {
  return [{ name: "all nodes", nodes }];
}

function kill(count: number, words: string): Fault {
  return {
    name: `kill ${words}`,
    about: `${words} of five nodes are killed (SIGKILL) at the same moment and started again after a while`,
    disks: "plain",
    writeQuorums: ALL_W,
    sides: rest(count),
    harm: async ({ cluster }) => {
      await endAll(cluster.nodes.slice(0, count));
      return () => cluster.startAll();
    },
  };
}

function endAll(nodes: readonly FaultNode[]): Promise<unknown> {
  return Promise.all(nodes.map((node) => node.end("SIGKILL")));
}

const killAll: Fault = {
  name: "kill all",
  about: "all five nodes are killed (SIGKILL) at the same moment and started again at once",
  disks: "plain",
  writeQuorums: ALL_W,
  sides: everywhere,
  harm: async ({ cluster, durationMs }) => {
    await pause(durationMs - ALL_DEAD_MS);
    await endAll(cluster.nodes);
    return () => cluster.startAll();
  },
};

function freeze(count: number, words: string): Fault {
  return {
    name: `freeze ${words}`,
    about: `${words} of five nodes are stopped (SIGSTOP) with all connections open, and go on (SIGCONT) as if nothing had been`,
    disks: "plain",
    writeQuorums: [2],
    durationMs: FREEZE_MS,
    sides: rest(count),
    harm: async ({ cluster: { nodes } }) => {
      const victims = nodes.slice(0, count);
      for (const node of victims) node.signal("SIGSTOP");
      return () => {
        for (const node of victims) node.signal("SIGCONT");
        return Promise.resolve();
      };
    },
  };
}

const restartAll: Fault = {
  name: "rolling restart",
  about:
    "each node in turn is asked to stop (SIGTERM) and started again, as an upgrade does it; clients are at all of them",
  disks: "plain",
  writeQuorums: [2],
  sides: everywhere,
  harm: async ({ cluster }) => {
    for (const node of cluster.nodes) {
      await node.end("SIGTERM");
      await node.start();
    }
    return () => Promise.resolve();
  },
};

export const none: Fault = {
  name: "none",
  about: "nothing happens: what the same load and checks show of a healthy cluster",
  disks: "plain",
  writeQuorums: ALL_W,
  sides: everywhere,
  harm: () => Promise.resolve(() => Promise.resolve()),
};

export const processes: readonly Fault[] = [
  none,
  kill(1, "one"),
  kill(2, "two"),
  killAll,
  freeze(1, "one"),
  freeze(2, "two"),
  restartAll,
];
