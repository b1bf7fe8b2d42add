import {
  type DecidedSpread,
  type GossipSpread,
  spreadByGossip,
  spreadByProposer,
  sum,
} from "./epoch-spread.ts";
import type { Sent } from "./message-ledger.ts";
import { type ScaleOptions, ScaleWorld } from "./scale-world.ts";

/** Messages and bytes that one node sent, on the average. */
export type SentByNode = Readonly<Record<"messages" | "bytes", number>>;

/** What one cluster of the simulator showed. */
export interface ClusterFigures {
  readonly nodes: number;
  /** From the first process that starts until all are connected with all and have met. */
  readonly boot: SentByNode;
  /** From the request for a ring until all serve it in the format that can change. */
  readonly form: SentByNode & { readonly formedMs: number; readonly raisedMs: number };
  readonly decided: readonly DecidedSpread[];
  readonly gossiped: readonly GossipSpread[];
  /** Each kind of message, a second. */
  readonly rest: ReadonlyMap<string, SentByNode>;
  /** Bytes of the longest message of each kind. */
  readonly longest: ReadonlyMap<string, number>;
}

export interface ClusterPlan extends ScaleOptions {
  /** Epochs of each of the two ways. */
  readonly epochs: number;
  readonly restMs: number;
}

/** What everybody has heard of everybody is quiet again after so long. */
const SETTLE_MS = 5_000;
const KNOWN_MS_MAX = 120_000;

export async function figuresOf(plan: ClusterPlan): Promise<ClusterFigures> {
  const { nodes, epochs, restMs } = plan;
  const world = new ScaleWorld(plan);
  const taken = (): SentByNode => byNode(sum(world.messages.take().byName, ""), nodes);
  await world.boot();
  const boot = taken();
  const formed = await world.form();
  const form = { ...taken(), ...formed };
  await world.until("a ring known of everywhere", KNOWN_MS_MAX, () =>
    world.isKnownEverywhere(world.ringOf(0)),
  );
  const decided: DecidedSpread[] = [];
  const gossiped: GossipSpread[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    await world.rest(SETTLE_MS);
    decided.push(await spreadByProposer(world, (7 * epoch + 1) % nodes));
    await world.rest(SETTLE_MS);
    gossiped.push(await spreadByGossip(world, (5 * epoch + 3) % nodes));
  }
  await world.rest(SETTLE_MS);
  world.messages.take();
  await world.rest(restMs);
  const rest = perSecond(world.messages.take().byName, nodes, restMs / 1_000);
  return { nodes, boot, form, decided, gossiped, rest, longest: world.messages.longest };
}

function byNode({ messages, bytes }: SentByNode, nodes: number): SentByNode {
  return { messages: messages / nodes, bytes: bytes / nodes };
}

function perSecond(
  byName: ReadonlyMap<string, Sent>,
  nodes: number,
  seconds: number,
): ReadonlyMap<string, SentByNode> {
  return new Map([...byName].map(([name, sent]) => [name, byNode(sent, nodes * seconds)]));
}
