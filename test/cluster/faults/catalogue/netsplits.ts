import type { FaultCluster } from "../fault-cluster.ts";
import type { Side } from "../fault-load.ts";
import type { FaultNode } from "../fault-node.ts";
import { type Fault, type Mend, pause, type Scene } from "../fault.ts";
import { between, type Cut, type Manner } from "../packet-filter.ts";

/** Network faults among five nodes, or seven where the ring changes. Clients reach every node on their side all the time. */
const ALL_W = [1, 2, 3] as const;
const FLAPS = 4;

function hosts(nodes: readonly FaultNode[]): string[] {
  return nodes.map(({ host }) => host);
}

function halves({ nodes }: FaultCluster): { two: FaultNode[]; three: FaultNode[] } {
  const fewer = Math.floor(nodes.length / 2);
  return { two: nodes.slice(0, fewer), three: nodes.slice(fewer) };
}

function twoSides(cluster: FaultCluster): Side[] {
  const { two, three } = halves(cluster);
  return [
    { name: "side of two", nodes: two },
    { name: "side of three", nodes: three },
  ];
}

function oneAndRest({ nodes }: FaultCluster): Side[] {
  return [
    { name: "isolated node", nodes: nodes.slice(0, 1) },
    { name: "other nodes", nodes: nodes.slice(1) },
  ];
}

function wholeSplit(cluster: FaultCluster): Cut[] {
  const { two, three } = halves(cluster);
  return between(hosts(two), hosts(three));
}

function cutting(cutsOf: (cluster: FaultCluster) => Cut[], manner: Manner): Fault["harm"] {
  return async ({ cluster }) => {
    await cluster.network.cut(cutsOf(cluster), manner);
    return () => cluster.network.heal();
  };
}

const splits = (["drop", "reject"] as const).flatMap((manner): Fault[] => [
  {
    name: `netsplit 2|3, ${manner}`,
    about: `two nodes and three do not hear one another; packets are met with ${inWords(manner)}`,
    disks: "plain",
    writeQuorums: ALL_W,
    sides: twoSides,
    harm: cutting(wholeSplit, manner),
  },
  {
    name: `isolate one, ${manner}`,
    about: `one node neither hears nor is heard by the four others (${inWords(manner)})`,
    disks: "plain",
    writeQuorums: ALL_W,
    sides: oneAndRest,
    harm: cutting(({ nodes }) => between(hosts(nodes.slice(0, 1)), hosts(nodes.slice(1))), manner),
  },
  {
    name: `one-way 2→3, ${manner}`,
    about: `what two nodes send to three never arrives; the other direction works (${inWords(manner)})`,
    disks: "plain",
    writeQuorums: [2],
    sides: twoSides,
    harm: cutting((cluster) => {
      const { two, three } = halves(cluster);
      return [{ from: hosts(two), to: hosts(three) }];
    }, manner),
  },
]);

function inWords(manner: Manner): string {
  return manner === "drop" ? "silence" : "a reset";
}

async function flap({ cluster, durationMs }: Scene): Promise<Mend> {
  for (let n = 0; n < FLAPS; n++) {
    await cluster.network.cut(wholeSplit(cluster), "drop");
    await pause(durationMs / FLAPS / 2);
    await cluster.network.heal();
    await pause(durationMs / FLAPS / 2);
  }
  return () => Promise.resolve();
}

const splitAndKill: Fault = {
  name: "netsplit 2|3 and a kill",
  about:
    "during a whole netsplit (silence) one of the three is killed; it starts again before the netsplit heals",
  disks: "plain",
  writeQuorums: [1, 2],
  sides: (cluster) => [
    { name: "side of two", nodes: halves(cluster).two },
    { name: "rest of three", nodes: halves(cluster).three.slice(1) },
  ],
  harm: async ({ cluster, durationMs }) => {
    await cluster.network.cut(wholeSplit(cluster), "drop");
    await pause(durationMs / 3);
    const victim = halves(cluster).three[0]!;
    await victim.end("SIGKILL");
    return async () => {
      await victim.start();
      await cluster.network.heal();
    };
  },
};

export const netsplits: readonly Fault[] = [
  ...splits,
  {
    name: "netsplit 2|3, flapping",
    about: `the whole netsplit (silence) comes and goes ${FLAPS} times`,
    disks: "plain",
    writeQuorums: [2],
    sides: twoSides,
    harm: flap,
  },
  splitAndKill,
];
