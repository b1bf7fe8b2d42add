import { invariant } from "../invariant.ts";
import type { NodeId } from "../node-id.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { Digester } from "../ports/hash.ts";
import type { Observer } from "../ports/observer.ts";
import type { PeerDirectory } from "../ports/peer-directory.ts";
import type { Random } from "../ports/random.ts";
import type { RingStore } from "../ports/ring-store.ts";
import { type PartitionRoutes, routesOf } from "./change/change-routes.ts";
import { isAdmitted, isBeyondAdmission, standingOf } from "./change/elastic-ring.ts";
import { type FormOutcome, formRing } from "./formation.ts";
import {
  decideProposal,
  decideServing,
  isLostBetween,
  type KeptRing,
  refusalToServe,
  type ServingDecision,
  type ServingRing,
} from "./kept-ring.ts";
import { paxosFromControl, paxosToControl } from "./paxos/paxos-codec.ts";
import type { PaxosMessage } from "./paxos/paxos-messages.ts";
import { RingInvalid } from "./ring-check.ts";
import type { Formation } from "./ring-document.ts";
import {
  type Answer,
  doneMessage,
  parseRingField,
  parseState,
  type PeerRing,
  refusedMessage,
  stateMessage,
} from "./ring-messages.ts";
import { compareRings, describe, type NumberedRing, type RingNumber } from "./ring-number.ts";
import type { PlanningRing } from "./ring-state.ts";
import { RingVotes } from "./ring-votes.ts";
import type { PreferenceList, Ring } from "./ring.ts";
import { StoredRing } from "./stored-ring.ts";

/**
 * Keeps this node's ring: on disk, in memory for the data path, and in step with the peers. Formation
 * (formation.ts) gives a cluster its first ring; after that nodes compare theirs whenever they meet, and the one that is
 * behind takes the later ring, persists it, then serves it.
 *
 * Invariant: state changes run one after the other, each is on disk before it is visible, and what a node served or
 * accepted once is never replaced by another ring of the same number. A peer with such a ring is a fork: refused, and
 * reported as ring_conflict.
 */
export interface RingKeeperOptions {
  readonly self: NodeId;
  /** Failure domain of this node, empty where there is none. */
  readonly zone: string;
  readonly store: RingStore;
  readonly calls: ControlCalls;
  readonly directory: Pick<PeerDirectory, "peers">;
  readonly hash: Digester;
  readonly random: Random;
  readonly observer: Observer;
  /**
   * Awaited before a first ring is stored: true once all that this node knows of its lost data is in data.db, false
   * where that takes too long.
   * @param adopted see kept-ring.ts: the ring lists this node, which does not know of having accepted it. Also `isLostBetween`
   */
  readonly beforeFirstRing: (adopted: boolean) => Promise<boolean>;
  /** Whether the member says that its ring store is not the one that this ring lists; ring-upkeep.ts `isStoreLost`. */
  readonly isStoreLost: (member: NodeId, ring: Ring) => boolean;
}

/** How long a peer has to say what ring it has, and how often it is asked when it does not. */
const EXCHANGE_TIMEOUT_MS = 2_000;
const EXCHANGE_ATTEMPTS = 3;

export class RingKeeper implements PlanningRing {
  readonly #options: RingKeeperOptions;
  readonly #stored: StoredRing;
  /** This node's part in deciding the next epoch. */
  readonly votes: RingVotes;
  #routes: readonly PartitionRoutes[] = [];
  #isMember = false;
  #isAdmitted = true;
  /** What each peer said last; consulted only for peers that are connected. */
  readonly #peerRings = new Map<NodeId, PeerRing>();
  readonly #exchanges = new Map<NodeId, Promise<void>>();
  readonly #installedHandlers: ((ring: Ring) => void)[] = [];

  constructor(options: RingKeeperOptions) {
    this.#options = options;
    this.#stored = new StoredRing({ ...options, onServed: (kept) => this.#install(kept) });
    this.votes = new RingVotes(options.self, this.#stored);
  }

  /** Reads what this node knew when it stopped. Throws where the store cannot be read or understood. */
  load(): void {
    this.#stored.load();
  }

  /** What this node is in the ring; "left" where that does not list it any more, "none" without a ring. */
  standing(): ReturnType<typeof standingOf> | "none" {
    const kept = this.#stored.kept;
    return kept.state === "serving" ? standingOf(kept.ring, this.#options.self) : "none";
  }

  /** Which ring store votes for this node (ring.ts `AdmittedMember`); undefined until it is on the disk. */
  ringStore(): string | undefined {
    return this.#stored.storeId;
  }

  current(): Ring | undefined {
    return this.#stored.kept.state === "serving" ? this.#stored.kept.ring : undefined;
  }

  hash(): string {
    return this.#stored.kept.state === "serving" ? this.#stored.kept.digest : "";
  }

  preferenceList(partition: number): PreferenceList {
    return this.routes(partition).read;
  }

  routes(partition: number): PartitionRoutes {
    const routes = this.#routes[partition];
    invariant(
      routes !== undefined,
      `no preference list of partition ${partition}: ${this.#routes.length} partitions`,
    );
    return routes;
  }

  isMember(): boolean {
    return this.#isMember;
  }

  mayAcknowledge(): boolean {
    if (this.#isAdmitted) return true;
    const { self, isStoreLost } = this.#options;
    const ring = this.current();
    return ring !== undefined && isBeyondAdmission(ring, self, (id) => isStoreLost(id, ring));
  }

  async catchUp(peer: NodeId, ring: RingNumber): Promise<void> {
    if (this.#serves(ring)) return;
    // One that is under way may have had its answer before the peer had that ring.
    await this.#exchanges.get(peer);
    if (!this.#serves(ring)) await this.#exchange(peer);
  }

  #serves(ring: RingNumber): boolean {
    const kept = this.#stored.kept;
    return kept.state === "serving" && compareRings(kept.ring, ring) >= 0;
  }

  /** What is on this node's disk, for the admin API and later decisions. */
  kept(): KeptRing {
    return this.#stored.kept;
  }

  /** Called with each ring that this node begins to serve, after it is on disk. */
  onInstalled(handler: (ring: Ring) => void): void {
    this.#installedHandlers.push(handler);
  }

  /** Serves a ring that is decided, as `from` says. Never rejects. */
  serve(ring: NumberedRing, from: NodeId): Promise<Answer> {
    return this.#commit(ring, from);
  }

  /** Accepts a ring that is served once all its members accept it (kept-ring.ts `decideProposal`). Never rejects. */
  accept(proposal: NumberedRing): Promise<Answer> {
    return this.#accept(proposal);
  }

  /** Gives the listed members, this node among them, their first ring. Never rejects; takes at most `timeoutMs`. */
  form(request: Formation, timeoutMs: number): Promise<FormOutcome> {
    const proposer = {
      ...this.#options,
      kept: () => this.#stored.kept,
      wouldAccept: (proposal: NumberedRing) => this.#wouldAccept(proposal),
      accept: (proposal: NumberedRing) => this.#accept(proposal),
      commit: (ring: NumberedRing) => this.#commit(ring, this.#options.self),
    };
    return formRing(proposer, request, timeoutMs);
  }

  /** A peer is in reach: compare rings with it. Also worth calling from time to time while it stays in reach. */
  peerConnected(id: NodeId): void {
    void this.#exchange(id);
  }

  /** Answers a message whose type starts with "ring."; a malformed one is refused and reported, never thrown. */
  async handleControl(from: NodeId, message: ControlMessage): Promise<ControlMessage> {
    try {
      switch (message.type) {
        case "ring.state":
          return this.#answerState(from, parseState(message, this.#options.hash));
        case "ring.propose":
          return await this.#answerRing(from, message, (ring) => this.#accept(ring));
        case "ring.commit":
          return await this.#answerRing(from, message, (ring) => this.#commit(ring, from));
        default:
          return await this.#answerPaxos(from, message);
      }
    } catch (error) {
      if (error instanceof RingInvalid) return this.#refuseMessage(from, error.message);
      throw error;
    }
  }

  #answerState(from: NodeId, theirs: PeerRing): ControlMessage {
    this.#noted(from, theirs);
    if (this.#isBehind(theirs)) void this.#exchange(from);
    const kept = this.#stored.kept;
    const isKnown = kept.state !== "none" && theirs.state !== "none" && kept.digest === theirs.digest;
    // Whoever serves a later one has no use for this one, and each next epoch meets every member in that way.
    const isOutdated = kept.state === "serving" && this.#isBehind(theirs);
    return stateMessage(kept, { withRing: !isKnown && !isOutdated });
  }

  async #answerRing(
    from: NodeId,
    message: ControlMessage,
    act: (ring: NumberedRing) => Promise<Answer>,
  ): Promise<ControlMessage> {
    const ring = parseRingField(message, this.#options.hash);
    if (!ring.ring.members.some(({ id }) => id === from)) {
      return this.#refuseMessage(from, `${message.type} of a ring that does not list its sender`);
    }
    const answer = await act(ring);
    if (answer.kind === "refused") return refusedMessage(answer);
    return doneMessage(ring.digest);
  }

  async #answerPaxos(from: NodeId, message: ControlMessage): Promise<ControlMessage> {
    const ballot = paxosFromControl(message, this.#options.hash);
    if (ballot?.kind === "prepare" || ballot?.kind === "accept") return this.#answerBallot(from, ballot);
    if (ballot?.kind !== "decided")
      return this.#refuseMessage(from, `unknown message ${message.type.slice(0, 64)}`);
    const answer = await this.#commit(ballot.ring, from);
    return answer.kind === "refused" ? refusedMessage(answer) : doneMessage(ballot.ring.digest);
  }

  async #answerBallot(
    from: NodeId,
    ballot: Extract<PaxosMessage, { kind: "prepare" | "accept" }>,
  ): Promise<ControlMessage> {
    const answer = await this.votes.vote(ballot);
    if (answer.kind === "refused") return refusedMessage(answer);
    // It knows of an epoch that this node missed: the next ballot finds it there.
    const kept = this.#stored.kept;
    if (kept.state === "serving" && compareRings(ballot.base, kept.ring) > 0) void this.#exchange(from);
    return paxosToControl(answer);
  }

  #refuseMessage(from: NodeId, reason: string): ControlMessage {
    this.#options.observer.event({ kind: "peer_message_refused", peerId: from, reason });
    return refusedMessage({ code: "invalid_request", message: reason });
  }

  /** Asks a peer for its ring and takes it over if it is ahead. One exchange with a peer at a time. */
  #exchange(peer: NodeId): Promise<void> {
    const underWay = this.#exchanges.get(peer);
    if (underWay !== undefined) return underWay;
    const exchange = this.#exchangeWith(peer).finally(() => this.#exchanges.delete(peer));
    this.#exchanges.set(peer, exchange);
    return exchange;
  }

  async #exchangeWith(peer: NodeId): Promise<void> {
    try {
      for (let attempt = 0; attempt < EXCHANGE_ATTEMPTS; attempt++) {
        const question = stateMessage(this.#stored.kept, { withRing: false });
        const answer = await this.#options.calls.call(peer, question, EXCHANGE_TIMEOUT_MS);
        if (answer === undefined) continue;
        const theirs = parseState(answer, this.#options.hash);
        this.#noted(peer, theirs);
        const served = this.#servedBy(theirs);
        if (served !== undefined) await this.#commit(served, peer);
        return;
      }
    } catch (error) {
      if (!(error instanceof RingInvalid)) throw error;
      this.#options.observer.event({ kind: "peer_message_refused", peerId: peer, reason: error.message });
    }
  }

  /** The ring that a peer serves, if it sent it or this node has accepted the very same. */
  #servedBy(theirs: PeerRing): NumberedRing | undefined {
    if (theirs.state !== "serving") return undefined;
    const kept = this.#stored.kept;
    return theirs.numbered ?? (kept.state === "proposed" && kept.digest === theirs.digest ? kept : undefined);
  }

  #noted(peer: NodeId, theirs: PeerRing): void {
    this.#peerRings.set(peer, theirs.state === "none" ? theirs : { ...theirs, numbered: undefined });
    const kept = this.#stored.kept;
    // A fork shows in the summary already: the peer need not send its whole ring for that.
    if (kept.state !== "serving" || theirs.state !== "serving" || theirs.numbered !== undefined) return;
    if (theirs.clusterId !== kept.ring.clusterId || theirs.digest === kept.digest) return;
    if (compareRings(theirs, kept.ring) === 0) this.#reportConflict(peer, kept, theirs.digest);
  }

  #isBehind(theirs: PeerRing): boolean {
    if (theirs.state !== "serving") return false;
    const kept = this.#stored.kept;
    if (kept.state !== "serving") return true;
    return theirs.clusterId === kept.ring.clusterId && compareRings(theirs, kept.ring) > 0;
  }

  #wouldAccept(proposal: NumberedRing): Answer {
    const decision = decideProposal(this.#stored.kept, proposal, this.#options);
    if (decision.kind === "refused") return decision;
    // Whoever recovers a ring knows that its peers serve the older one.
    if (decision.kind === "save" && decision.next.state === "proposed") {
      for (const { id, connected } of this.#options.directory.peers()) {
        const theirs = connected ? this.#peerRings.get(id) : undefined;
        if (theirs?.state !== "serving" || theirs.digest === proposal.digest) continue;
        const message = `node ${id}, a peer of node ${this.#options.self}, already serves ${describe(theirs)}`;
        return { kind: "refused", code: "ring_exists", message, because: id };
      }
    }
    return { kind: "done" };
  }

  #accept(proposal: NumberedRing): Promise<Answer> {
    return this.#stored.oneByOne(async () => {
      const answer = this.#wouldAccept(proposal);
      if (answer.kind !== "done") return answer;
      const decision = decideProposal(this.#stored.kept, proposal, this.#options);
      if (decision.kind !== "save") return answer;
      return (await this.#stored.keep(decision.next)) ?? answer;
    });
  }

  /** Serves a ring that is decided, or accepted by all its members, as `from` says, unless what is kept forbids it. */
  #commit(ring: NumberedRing, from: NodeId): Promise<Answer> {
    return this.#stored.oneByOne(async () => {
      const { self, beforeFirstRing, observer } = this.#options;
      const drawStore = (): string => this.#stored.drawStoreId();
      const decision = decideServing(this.#stored.kept, ring, { self, drawStore });
      if (decision.kind === "not_member") await this.#becomeSpare(ring.ring);
      if (decision.kind !== "install") return this.#notInstalled(decision, ring, from);
      const { next } = decision;
      // A ring beside a data.db that is not new says "nothing was lost" to the next process (recovery/own-recovery.ts).
      const isFirst = this.#stored.kept.state !== "serving";
      const isLost = isLostBetween(this.#stored.kept, next, self);
      const mayStore = !(isFirst || isLost) || (await beforeFirstRing(isLost || next.ballots.store.adopted));
      const failure = mayStore
        ? await this.#stored.keep(next)
        : this.#stored.failed("data.db takes no write");
      if (failure !== undefined) {
        observer.event({ kind: "commit_failed", code: failure.code, message: failure.message });
        return failure;
      }
      // Later ones come from a proposer that tells everybody, or by gossip: all with all would be too many.
      if (isFirst) this.#tellPeers();
      return { kind: "done" };
    });
  }

  /** A ring that can change may list this node next, with the ring store that it has by then. */
  async #becomeSpare({ format }: Ring): Promise<void> {
    const kept = this.#stored.kept;
    if (format !== 2 || kept.state !== "none" || kept.store !== undefined) return;
    const failure = await this.#stored.keep({ ...kept, store: this.#stored.drawStoreId() });
    if (failure !== undefined)
      this.#options.observer.event({ kind: "commit_failed", code: failure.code, message: failure.message });
  }

  #notInstalled(
    decision: Exclude<ServingDecision, { kind: "install" }>,
    theirs: NumberedRing,
    from: NodeId,
  ): Answer {
    const { self, observer } = this.#options;
    const refusal = refusalToServe(decision, theirs.ring, { self, from });
    if (refusal !== undefined && decision.kind === "other_cluster")
      observer.event({ kind: "peer_message_refused", peerId: from, reason: refusal.message });
    if (decision.kind === "conflict") this.#reportConflict(from, decision.ours, theirs.digest);
    return refusal ?? { kind: "done" };
  }

  #reportConflict(peer: NodeId, ours: NumberedRing, theirs: string): void {
    const { epoch } = ours.ring;
    this.#options.observer.event({ kind: "ring_conflict", epoch, ours: ours.digest, theirs, peerId: peer });
  }

  #install(kept: ServingRing): void {
    const { self, observer } = this.#options;
    const { generation, epoch, members } = kept.ring;
    this.#routes = routesOf(kept.ring);
    this.#isMember = members.some(({ id }) => id === self);
    this.#isAdmitted = isAdmitted(kept.ring, self, kept.ballots.store.id);
    observer.event({ kind: "ring_installed", generation, epoch, hash: kept.digest, members: members.length });
    for (const handler of this.#installedHandlers) handler(kept.ring);
  }

  /** Those that miss this ring then ask for it: a lost commit must not leave a member idle beside serving ones. */
  #tellPeers(): void {
    for (const { id, connected } of this.#options.directory.peers()) if (connected) void this.#exchange(id);
  }
}
