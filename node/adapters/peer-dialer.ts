import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { NodeId } from "../core/node-id.ts";
import { formatPeerAddress, type PeerAddress } from "./peer-address.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { PeerLog } from "./peer-log.ts";

/**
 * Decides which addresses are dialled, and when.
 * Intuition: seeds and the addresses that peers gave of themselves are all just places worth trying while the peer
 * behind them is not connected; who is behind one is only known after its hello. Names among the seeds are looked up
 * again and again, because behind a Kubernetes Service the answer changes.
 * Invariant: one attempt at a time for each address, the pause between attempts growing from backoffMsMin to
 * backoffMsMax, with jitter so that restarted peers do not all dial in step.
 */
export type DialOutcome =
  | { readonly kind: "connected"; readonly peer: NodeId }
  /** Somebody else was quicker, in either direction. */
  | { readonly kind: "already_connected"; readonly peer: NodeId }
  | { readonly kind: "self" }
  /** An answer that will not change soon: wrong secret, other cluster. */
  | { readonly kind: "refused" }
  | { readonly kind: "failed" };

export interface DialerOptions {
  readonly limits: PeerLimits;
  readonly log: PeerLog;
  dial(address: PeerAddress, done: (outcome: DialOutcome) => void): void;
  isConnected(peer: NodeId): boolean;
}

interface Target {
  readonly address: PeerAddress;
  /** Given at the start, or found behind a name that was: never dropped for leading back here, only tried more rarely. */
  seed: boolean;
  /** Some peer is said to be there. */
  learnt: boolean;
  /** Who answered last time, or who is said to be there. */
  peer: NodeId | undefined;
  dialling: boolean;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

/** A seed that led back here may lead elsewhere later (a load-balanced name); no hurry. */
const SELF_RETRY_MS = 30_000;

export class PeerDialer {
  readonly #options: DialerOptions;
  readonly #targets = new Map<string, Target>();
  readonly #names: PeerAddress[] = [];
  /** Addresses that a name led to, by name. */
  readonly #resolved = new Map<string, Set<string>>();
  #resolveTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: DialerOptions, seeds: readonly PeerAddress[]) {
    this.#options = options;
    for (const seed of seeds) {
      if (isIP(seed.host) === 0) this.#names.push(seed);
      else this.#add(seed, { seed: true, peer: undefined });
    }
    if (this.#names.length > 0) void this.#resolveNames();
  }

  /** `peer` is said to be at `address`: dialled whenever the peer is not connected. */
  learn(peer: NodeId, address: PeerAddress): void {
    this.#add(address, { seed: false, peer });
  }

  /** The peer gave a newer address: an older one that is not a seed leads nowhere. */
  forget(peer: NodeId, address: PeerAddress): void {
    const key = formatPeerAddress(address);
    const target = this.#targets.get(key);
    if (target === undefined || target.peer !== peer) return;
    target.learnt = false;
    if (!target.seed) this.#remove(key, target);
  }

  /** The connection to `peer` was lost: try its addresses now. */
  wake(peer: NodeId): void {
    for (const target of this.#targets.values()) {
      if (target.peer !== peer || target.dialling) continue;
      target.failures = 0;
      this.#schedule(target, this.#pauseMs(0));
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#resolveTimer);
    for (const target of this.#targets.values()) clearTimeout(target.timer);
    this.#targets.clear();
  }

  #add(address: PeerAddress, about: { seed: boolean; peer: NodeId | undefined }): void {
    if (this.#closed) return;
    const key = formatPeerAddress(address);
    const known = this.#targets.get(key);
    if (known !== undefined) {
      known.seed ||= about.seed;
      known.learnt ||= !about.seed;
      known.peer ??= about.peer;
      return;
    }
    if (this.#targets.size >= this.#options.limits.addressesMax) {
      this.#options.log.sayRarely(
        "peer_address_ignored",
        "",
        { address: key, reason: "too many addresses" },
        "warn",
      );
      return;
    }
    const target: Target = {
      address,
      ...about,
      learnt: !about.seed,
      dialling: false,
      failures: 0,
      timer: undefined,
    };
    this.#targets.set(key, target);
    this.#schedule(target, 0);
  }

  #remove(key: string, target: Target): void {
    clearTimeout(target.timer);
    this.#targets.delete(key);
  }

  #schedule(target: Target, delayMs: number): void {
    clearTimeout(target.timer);
    target.timer = setTimeout(() => this.#attempt(target), delayMs);
  }

  #attempt(target: Target): void {
    target.timer = undefined;
    const key = formatPeerAddress(target.address);
    if (this.#closed || target.dialling || this.#targets.get(key) !== target) return;
    // wake() comes when that peer is lost.
    if (target.peer !== undefined && this.#options.isConnected(target.peer)) return;
    target.dialling = true;
    this.#options.dial(target.address, (outcome) => {
      target.dialling = false;
      if (!this.#closed && this.#targets.get(key) === target) this.#after(key, target, outcome);
    });
  }

  #after(key: string, target: Target, outcome: DialOutcome): void {
    const { backoffMsMax } = this.#options.limits;
    switch (outcome.kind) {
      case "connected":
        target.peer = outcome.peer;
        target.failures = 0;
        return;
      case "already_connected":
        target.peer = outcome.peer;
        return this.#schedule(target, this.#pauseMs(3));
      case "self":
        if (target.seed) return this.#schedule(target, SELF_RETRY_MS);
        return this.#remove(key, target);
      case "refused":
        return this.#schedule(target, backoffMsMax * (0.75 + Math.random() / 2));
      case "failed":
        return this.#schedule(target, this.#pauseMs(target.failures++));
    }
  }

  /** 100 ms, 200 ms … 5 s, each taken between half and whole. */
  #pauseMs(failures: number): number {
    const { backoffMsMin, backoffMsMax } = this.#options.limits;
    const whole = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures, 16));
    return whole * (0.5 + Math.random() / 2);
  }

  async #resolveNames(): Promise<void> {
    await Promise.all(this.#names.map((name) => this.#resolve(name)));
    if (this.#closed) return;
    this.#resolveTimer = setTimeout(() => void this.#resolveNames(), this.#options.limits.resolveIntervalMs);
  }

  async #resolve(name: PeerAddress): Promise<void> {
    let hosts: string[];
    try {
      hosts = (await lookup(name.host, { all: true })).map((each) => each.address);
    } catch (error) {
      const fields = { seed: formatPeerAddress(name), error: (error as Error).message };
      this.#options.log.sayRarely("peer_seed_not_resolved", name.host, fields, "warn");
      return;
    }
    const text = formatPeerAddress(name);
    const before = this.#resolved.get(text) ?? new Set();
    const now = new Set(hosts.map((host) => formatPeerAddress({ host, port: name.port })));
    this.#resolved.set(text, now);
    for (const host of hosts) this.#add({ host, port: name.port }, { seed: true, peer: undefined });
    for (const gone of before) {
      if (now.has(gone) || [...this.#resolved.values()].some((each) => each.has(gone))) continue;
      const target = this.#targets.get(gone);
      if (target === undefined) continue;
      target.seed = false;
      if (!target.learnt) this.#remove(gone, target);
    }
  }
}
