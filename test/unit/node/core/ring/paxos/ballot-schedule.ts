import { compareRings, type NumberedRing } from "../../../../../../node/core/ring/ring-number.ts";
import { mulberry } from "../seeded.ts";
import { BallotCluster, type BallotNode, canDecide, type Paxos } from "./ballot-cluster.ts";

/**
 * One run of a cluster that decides epoch after epoch while messages are lost, doubled and overtake each other, nodes
 * crash with what they had not saved, lose their ring stores, propose against each other, and sometimes most of them are gone
 * and the rest is recovered. Then all is quiet, and whoever can decide must.
 */
export interface RunReport {
  /** What must never happen. */
  readonly violation: string | undefined;
  readonly epochs: number;
  readonly recovered: boolean;
  /** Undefined where too few were left to decide anything. */
  readonly decidedWhenQuiet: boolean | undefined;
}

const EVENTS = 400;
const QUIET_EVENTS = 3_000;

export function runSchedule(seed: number, paxos: Paxos): RunReport {
  const random = mulberry(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const members = 3 + below(3);
  const cluster = new BallotCluster(paxos, { members, format: random() < 0.2 ? 1 : 2 });
  // How often each kind of event comes differs from run to run: no one mixture reaches everything.
  const weightOf = (usual: number): number => usual * (0.05 + random());
  const weights = {
    deliver: weightOf(30),
    lose: weightOf(2),
    double: weightOf(2),
    save: weightOf(20),
    propose: weightOf(2),
    retry: weightOf(2),
    gossip: weightOf(2),
    crash: weightOf(0.5),
    start: weightOf(4),
    loseStore: random() < 0.5 ? weightOf(0.3) : 0,
    recover: random() < 0.2 ? 0.3 : 0,
  };
  const anyNode = (): BallotNode => cluster.nodes[below(cluster.nodes.length)]!;
  let recovered = false;
  const events: Record<keyof typeof weights, () => void> = {
    deliver: () => flying() && cluster.deliver(below(cluster.flight.length), { again: false }),
    lose: () => flying() && void cluster.flight.splice(below(cluster.flight.length), 1),
    double: () => flying() && cluster.deliver(below(cluster.flight.length), { again: true }),
    save: () => cluster.save(anyNode()),
    propose: () => cluster.propose(anyNode(), random()),
    retry: () => cluster.retry(anyNode()),
    gossip: () => cluster.gossip(anyNode(), anyNode()),
    crash: () => anyNode().crash(random() < 0.5),
    start: () => void (anyNode().isUp = true),
    loseStore: () => anyNode().loseStore(),
    recover: () => {
      if (!recovered) recovered = cluster.recover(cluster.nodes.filter(({ isUp }) => isUp && random() < 0.3));
    },
  };
  const flying = (): boolean => cluster.flight.length > 0;
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < EVENTS && cluster.violation === undefined; i++) {
    let dice = random() * total;
    const [kind] = Object.entries(weights).find(([, weight]) => (dice -= weight) < 0) ?? ["deliver"];
    events[kind as keyof typeof weights]();
  }
  const decidedWhenQuiet = cluster.violation === undefined ? quietDown(cluster, random) : undefined;
  return { violation: cluster.violation, epochs: cluster.epochsDecided, recovered, decidedWhenQuiet };
}

/** No faults any more, one proposer at a time: undefined where the nodes that are left cannot decide. */
function quietDown(cluster: BallotCluster, random: () => number): boolean | undefined {
  for (const node of cluster.nodes) node.isUp = true;
  for (const from of cluster.nodes) for (const to of cluster.nodes) cluster.gossip(from, to);
  settle(cluster);
  const served = cluster.nodes.map(({ ballots }) => ballots?.served).filter((ring) => ring !== undefined);
  const newest = served.reduce(
    (a: NumberedRing | undefined, b) => (a && compareRings(a.ring, b.ring) >= 0 ? a : b),
    undefined,
  );
  for (const node of cluster.nodes) node.proposal = undefined;
  if (newest === undefined) return undefined;
  const holder = cluster.nodes.find(({ ballots }) => ballots?.served === newest)!;
  for (const to of cluster.nodes) cluster.gossip(holder, to);
  settle(cluster);
  if (!canDecide(newest, cluster.nodes)) return undefined;
  const before = cluster.epochsDecided;
  // Not everything that the dice picks can be proposed: a lone member cannot leave.
  for (let round = 0; round < 40; round++) {
    for (const node of cluster.nodes) {
      cluster.propose(node, random());
      for (let attempt = 0; attempt < 4; attempt++) {
        settle(cluster);
        cluster.retry(node);
      }
      settle(cluster);
      if (
        cluster.nodes.some(
          ({ saved }) => saved !== undefined && compareRings(saved.served.ring, newest.ring) > 0,
        )
      )
        return true;
    }
  }
  return cluster.epochsDecided > before;
}

function settle(cluster: BallotCluster): void {
  for (let i = 0; i < QUIET_EVENTS; i++) {
    const saving = cluster.nodes.find(({ saves }) => saves.length > 0);
    if (saving !== undefined) cluster.save(saving);
    else if (cluster.flight.length > 0) cluster.deliver(0, { again: false });
    else return;
  }
}
