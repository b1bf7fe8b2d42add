import { planChange } from "../../../node/core/ring/change/change-plan.ts";
import { type Step, takeStep } from "../../../node/core/ring/change/change-steps.ts";
import { ringDigest } from "../../../node/core/ring/ring-document.ts";
import type { NumberedRing } from "../../../node/core/ring/ring-number.ts";
import type { Ring } from "../../../node/core/ring/ring.ts";
import { simulatedHash } from "../world/simulated-hash.ts";
import type { Sent } from "./message-ledger.ts";
import { nodeIdOf, type ScaleWorld, zoneOf } from "./scale-world.ts";

/** Times are virtual milliseconds. */
export interface DecidedSpread {
  /** From the proposal to its decision. */
  readonly decidedMs: number;
  /** From the proposal until half of the nodes served it, and until all did. */
  readonly halfMs: number;
  readonly allMs: number;
  /** Ballots, votes, and the word of the decision: messages of the type "ring.…". */
  readonly messages: number;
  readonly bytes: number;
  /** That one node, the proposer, sent of it. */
  readonly bytesOfProposer: number;
}

export interface GossipSpread {
  readonly halfMs: number;
  readonly allMs: number;
  /** Until each node had heard of each that it serves the epoch. */
  readonly knownMs: number;
  /** A node's own: all that it sent until then, rest included. */
  readonly bytesPerNode: number;
}

const SPREAD_MS_MAX = 120_000;

/**
 * One epoch as it comes about: a member proposes it, the members decide, the proposer tells everybody. The epochs are those of a join
 * whose node is not there, and of its cancellation: they move nothing, and none of them brings about another one by itself.
 */
export async function spreadByProposer(world: ScaleWorld, proposer: number): Promise<DecidedSpread> {
  const before = world.ringOf(proposer);
  const epoch = before.epoch + 1;
  world.messages.take();
  const startedMs = world.loop.nowMs;
  let outcome: string | undefined;
  void world.nodes[proposer]!.governance.propose(stepOn(before)).then(({ kind }) => (outcome = kind));
  const decidedMs = (await world.until("a decision", SPREAD_MS_MAX, () => outcome !== undefined)) - startedMs;
  if (outcome !== "decided") throw new Error(`epoch ${epoch} was proposed in vain: ${outcome}`);
  const served = await servedMs(world, epoch, startedMs);
  const { byName, bytesOfBusiest } = world.messages.take();
  return { decidedMs, ...served, ...sum(byName, "ring."), bytesOfProposer: bytesOfBusiest };
}

/** An epoch that is decided and whose proposer told nobody: only one node serves it at first. */
export async function spreadByGossip(world: ScaleWorld, first: number): Promise<GossipSpread> {
  const next = nextOf(world.ringOf(first));
  world.messages.take();
  const startedMs = world.loop.nowMs;
  const { ring, id } = { ring: world.nodes[first]!.ring, id: world.hosts[first]!.id };
  void ring.serve(next, id);
  const served = await servedMs(world, next.ring.epoch, startedMs);
  const knownAtMs = await world.until("an epoch known of everywhere", SPREAD_MS_MAX, () =>
    world.isKnownEverywhere(next.ring),
  );
  const { bytes } = sum(world.messages.take().byName, "");
  const nodes = world.hosts.length;
  return { ...served, knownMs: knownAtMs - startedMs, bytesPerNode: bytes / nodes };
}

async function servedMs(
  world: ScaleWorld,
  epoch: number,
  startedMs: number,
): Promise<{ halfMs: number; allMs: number }> {
  const nodes = world.hosts.length;
  const served = (count: number) => (): boolean => world.serving(epoch) >= count;
  const halfMs = await world.until("an epoch at half of the nodes", SPREAD_MS_MAX, served(nodes / 2));
  const allMs = await world.until("an epoch at all nodes", SPREAD_MS_MAX, served(nodes));
  return { halfMs: halfMs - startedMs, allMs: allMs - startedMs };
}

/** The join of a node that does not exist, or its cancellation where that is under way. */
function stepOn(ring: Ring): Step {
  if (ring.change !== null) return { kind: "cancel", changeId: ring.change.changeId };
  const index = ring.members.length;
  const joining = [{ id: nodeIdOf(index), zone: zoneOf(index), ringStore: "0".repeat(16) }];
  const plan = planChange(ring, { type: "join", joining, leaving: [] });
  if (!plan.ok) throw new Error(`the join was refused: ${plan.message}`);
  const { nextOwners } = plan;
  return { kind: "begin", changeId: `join-${ring.epoch}`, type: "join", joining, leaving: [], nextOwners };
}

function nextOf(ring: Ring): NumberedRing {
  const taken = takeStep(ring, stepOn(ring));
  if (!taken.ok) throw new Error(`no step on from epoch ${ring.epoch}: ${taken.message}`);
  return { ring: taken.ring, digest: ringDigest(taken.ring, simulatedHash) };
}

/** Over all kinds of messages whose name begins so. */
export function sum(
  byName: ReadonlyMap<string, Sent>,
  prefix: string,
): { readonly messages: number; readonly bytes: number } {
  let messages = 0;
  let bytes = 0;
  for (const [name, sent] of byName) {
    if (!name.startsWith(prefix)) continue;
    messages += sent.messages;
    bytes += sent.bytes;
  }
  return { messages, bytes };
}
