import { md5Digester } from "../../../../../../node/adapters/md5.ts";
import type { NodeId } from "../../../../../../node/core/node-id.ts";
import { planChange } from "../../../../../../node/core/ring/change/change-plan.ts";
import { type Step, takeStep } from "../../../../../../node/core/ring/change/change-steps.ts";
import { type OwnStore, votersOf } from "../../../../../../node/core/ring/change/elastic-ring.ts";
import { recoveredRing } from "../../../../../../node/core/ring/change/recovered-ring.ts";
import { compareRings, type NumberedRing } from "../../../../../../node/core/ring/ring-number.ts";
import * as acceptor from "../../../../../../node/core/ring/paxos/acceptor.ts";
import { Proposal } from "../../../../../../node/core/ring/paxos/proposal.ts";
import type { Ballots } from "../../../../../../node/core/ring/paxos/acceptor.ts";
import type { PaxosMessage } from "../../../../../../node/core/ring/paxos/paxos-messages.ts";
import { ringDigest } from "../../../../../../node/core/ring/ring-document.ts";
import type { ElasticRing, Ring } from "../../../../../../node/core/ring/ring.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";
import { raised, storeOf } from "../change/elastic-rings.ts";

/** The code under test, or a copy of it with a bug. */
export interface Paxos {
  readonly answerBallot: typeof acceptor.answerBallot;
  readonly serveDecided: typeof acceptor.serveDecided;
  readonly Proposal: typeof Proposal;
  /** False: what follows from a state is sent before the state is saved. */
  readonly savesFirst: boolean;
}

export const PAXOS: Paxos = { ...acceptor, Proposal, savesFirst: true };

/** Nodes that may ever be members. */
const POOL = 6;

interface Save {
  readonly next: Ballots;
  readonly sends: readonly Sent[];
}

interface Sent {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: PaxosMessage;
  /** What an "accepted" says, for the count of votes: it counts once it is sent. */
  readonly vote?: { readonly served: NumberedRing; readonly value: NumberedRing };
}

export class BallotNode {
  readonly id: NodeId;
  /** What a crash leaves. */
  saved: Ballots | undefined;
  /** What it acts on: saved, and what is being saved. */
  ballots: Ballots | undefined;
  store: OwnStore;
  proposal: InstanceType<typeof Proposal> | undefined;
  isUp = true;
  readonly saves: Save[] = [];
  #stores = 0;

  constructor(id: NodeId, served: NumberedRing | undefined) {
    this.id = id;
    this.store = { id: storeOf(id), adopted: served === undefined };
    this.saved = served && { served, store: this.store, promised: undefined, accepted: undefined };
    this.ballots = this.saved;
  }

  /** Of what was being saved, the first may have reached the disk. */
  crash(firstSaveReachesDisk: boolean): void {
    if (firstSaveReachesDisk && this.saves.length > 0) this.saved = this.saves[0]!.next;
    this.saves.length = 0;
    this.proposal = undefined;
    this.ballots = this.saved;
    this.isUp = false;
  }

  loseStore(): void {
    this.crash(false);
    this.saved = undefined;
    this.ballots = undefined;
    this.store = { id: storeOf(this.id, ++this.#stores), adopted: true };
  }
}

/** Nodes, the messages between them and what has been decided; every event is the caller's. */
export class BallotCluster {
  readonly nodes: readonly BallotNode[];
  readonly flight: Sent[] = [];
  violation: string | undefined;
  readonly #paxos: Paxos;
  /** By generation/epoch the digest of the only ring that may have this number. */
  readonly #decided = new Map<string, string>();
  /** By base, ballot and value, who has said that it accepted. */
  readonly #votes = new Map<string, Set<NodeId>>();
  #changes = 0;

  constructor(paxos: Paxos, { members, format }: { members: number; format: 1 | 2 }) {
    this.#paxos = paxos;
    const first = ringOf({ members: membersOf(members), partitions: 8, replicas: 2 });
    const ring = numbered(format === 1 ? first : raised(first));
    this.nodes = Array.from(
      { length: POOL },
      (_, n) => new BallotNode(nodeId(n), n < members ? ring : undefined),
    );
    this.#serves(ring);
  }

  get epochsDecided(): number {
    return this.#decided.size;
  }

  node(id: NodeId): BallotNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  deliver(at: number, { again }: { again: boolean }): void {
    const sent = this.flight[at]!;
    if (!again) {
      this.flight[at] = this.flight.at(-1)!;
      this.flight.pop();
    }
    const node = this.node(sent.to);
    if (node.isUp) this.#receive(node, sent);
  }

  save(node: BallotNode): void {
    const done = node.saves.shift();
    if (done === undefined) return;
    node.saved = done.next;
    if (this.#paxos.savesFirst) this.#send(done.sends);
  }

  /** Has a node propose something that could follow the ring that it serves; `dice` from 0 to 1 picks what. */
  propose(node: BallotNode, dice: number): void {
    const { ballots } = node;
    if (ballots === undefined || !node.isUp) return;
    const step = this.#stepFor(ballots.served.ring, dice);
    const outcome = step && takeStep(ballots.served.ring, step);
    if (!outcome?.ok) return;
    node.proposal = new this.#paxos.Proposal({
      self: node.id,
      served: ballots.served,
      wanted: numbered(outcome.ring),
    });
    this.retry(node);
  }

  retry(node: BallotNode): void {
    const attempt = node.ballots && node.proposal?.attempt(node.ballots);
    if (attempt === undefined) return;
    const to = node.proposal!.voters;
    this.#emit(
      node,
      attempt.next,
      to.map((id) => ({ from: node.id, to: id, message: attempt.message })),
    );
  }

  /** Tells a peer which ring this node serves, which is decided. */
  gossip(from: BallotNode, to: BallotNode): void {
    const { saved } = from;
    if (from.isUp && saved !== undefined)
      this.#send([{ from: from.id, to: to.id, message: { kind: "decided", ring: saved.served } }]);
  }

  /** `ring recover` at once on all survivors; they are up. False where it is refused. */
  recover(survivors: readonly BallotNode[]): boolean {
    const newest = survivors
      .map(({ saved }) => saved?.served)
      .filter((served) => served !== undefined)
      .sort((a, b) => compareRings(b.ring, a.ring))[0];
    if (newest === undefined) return false;
    const outcome = recoveredRing(
      newest.ring,
      survivors.map(({ id, store }) => ({ id, ringStore: store.id })),
    );
    if (!outcome.ok) return false;
    const ring = numbered(outcome.ring);
    // A second recovery of one generation would be a person's mistake, not a fault.
    if (this.#decided.has(keyOf(ring.ring))) return false;
    for (const node of survivors) {
      this.#serves(ring);
      node.saves.length = 0;
      node.proposal = undefined;
      node.saved = { served: ring, store: node.store, promised: undefined, accepted: undefined };
      node.ballots = node.saved;
    }
    return true;
  }

  #receive(node: BallotNode, { from, message }: Sent): void {
    const { ballots } = node;
    if (message.kind === "prepare" || message.kind === "accept") {
      if (ballots === undefined) return;
      const { next, answer } = this.#paxos.answerBallot(ballots, message, node.id);
      const sent: Sent = { from: node.id, to: from, message: answer };
      const isVote = answer.kind === "accepted" && message.kind === "accept";
      const vote = isVote ? { vote: { served: ballots.served, value: message.value } } : {};
      this.#emit(node, next, [{ ...sent, ...vote }]);
      return;
    }
    const due = node.proposal?.answered(from, message);
    if (due !== undefined && ballots !== undefined)
      this.#emit(
        node,
        ballots,
        node.proposal!.voters.map((to) => ({ from: node.id, to, message: due })),
      );
    const decided = message.kind === "decided" ? message.ring : node.proposal?.decided;
    if (decided !== undefined) this.#install(node, decided);
  }

  #install(node: BallotNode, ring: NumberedRing): void {
    this.#serves(ring);
    const { ballots, store } = node;
    if (ballots === undefined) {
      if (!ring.ring.members.some(({ id }) => id === node.id)) return;
      this.#emit(node, { served: ring, store, promised: undefined, accepted: undefined }, []);
      return;
    }
    const next = this.#paxos.serveDecided(ballots, ring);
    if (next === undefined) return;
    if (compareRings(ring.ring, ballots.served.ring) <= 0)
      this.violation ??= `${keyOf(ring.ring)} is served after ${keyOf(ballots.served.ring)}`;
    const told = new Set([...ballots.served.ring.members, ...ring.ring.members].map(({ id }) => id));
    const sends = [...told].map((to): Sent => ({ from: node.id, to, message: { kind: "decided", ring } }));
    this.#emit(node, next, node.proposal?.decided === ring ? sends : []);
    node.proposal = undefined;
  }

  /** Invariant: one ring a number. */
  #serves({ ring, digest }: NumberedRing): void {
    const before = this.#decided.get(keyOf(ring));
    if (before === undefined) this.#decided.set(keyOf(ring), digest);
    else if (before !== digest) this.violation ??= `two rings ${keyOf(ring)}: ${before} and ${digest}`;
  }

  /** A value is decided when a majority has voted for it, whether anybody knows it or not. */
  #voted({ from, message, vote }: Sent): void {
    if (vote === undefined || message.kind !== "accepted") return;
    const { served, value } = vote;
    const { round, node } = message.ballot;
    const key = `${served.digest} ${round} ${node} ${value.digest}`;
    const votes = this.#votes.get(key) ?? new Set();
    this.#votes.set(key, votes.add(from));
    const voters = votersOf(served.ring);
    const counted = voters.filter(({ id }) => votes.has(id)).length;
    if (counted > voters.length / 2) this.#serves(value);
  }

  #emit(node: BallotNode, next: Ballots, sends: readonly Sent[]): void {
    if (!this.#paxos.savesFirst) this.#send(sends);
    if (next === node.ballots && node.saves.length === 0) {
      if (this.#paxos.savesFirst) this.#send(sends);
      return;
    }
    node.ballots = next;
    node.saves.push({ next, sends });
  }

  #send(sends: readonly Sent[]): void {
    for (const sent of sends) this.#voted(sent);
    this.flight.push(...sends);
  }

  #stepFor(ring: Ring, dice: number): Step | undefined {
    if (ring.format === 1) {
      return {
        kind: "raise",
        ringStores: new Map(ring.members.map(({ id }) => [id, this.node(id).store.id])),
      };
    }
    const elastic = ring;
    const lost = elastic.members.find(({ id, ringStore }) => this.node(id).store.id !== ringStore);
    if (lost !== undefined && dice < 0.6)
      return { kind: "admit", node: lost.id, ringStore: this.node(lost.id).store.id };
    if (elastic.change !== null) {
      const { changeId, phase } = elastic.change;
      return { kind: phase === "flipped" ? "end" : dice < 0.3 ? "cancel" : "flip", changeId };
    }
    return this.#beginFor(elastic, dice);
  }

  #beginFor(ring: ElasticRing, dice: number): Step | undefined {
    const outside = this.nodes.filter(({ id }) => !ring.members.some((listed) => listed.id === id));
    const joining = outside[Math.floor(dice * 97) % Math.max(1, outside.length)];
    const leaving = ring.members[Math.floor(dice * 89) % ring.members.length]!.id;
    const type =
      joining === undefined
        ? "leave"
        : (["join", "leave", "replace"] as const)[Math.floor(dice * 1_000) % 3]!;
    const joiners = type === "leave" ? [] : [{ ...member(0), id: joining!.id, ringStore: joining!.store.id }];
    const request = { type, joining: joiners, leaving: type === "join" ? [] : [leaving] };
    const plan = planChange(ring, request);
    if (!plan.ok) return undefined;
    const { nextOwners } = plan;
    return { kind: "begin", changeId: `change-${++this.#changes}`, ...request, nextOwners };
  }
}

function numbered(ring: Ring): NumberedRing {
  return { ring, digest: ringDigest(ring, md5Digester) };
}

function keyOf({ generation, epoch }: Pick<Ring, "generation" | "epoch">): string {
  return `${generation}/${epoch}`;
}

/** Whether the nodes that are up could decide the epoch after this ring. */
export function canDecide(ring: NumberedRing, nodes: readonly BallotNode[]): boolean {
  const voters = votersOf(ring.ring);
  const able = voters.filter(({ id }) => {
    const node = nodes.find((one) => one.id === id);
    const listed = ring.ring.format === 1 ? !node?.store.adopted : storeListed(ring, id) === node?.store.id;
    return node?.isUp === true && listed;
  });
  return able.length > voters.length / 2;
}

function storeListed({ ring }: NumberedRing, id: NodeId): string | undefined {
  return (ring as ElasticRing).members.find((listed) => listed.id === id)?.ringStore;
}
