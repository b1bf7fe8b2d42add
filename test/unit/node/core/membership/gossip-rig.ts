import { Gossip } from "../../../../../node/core/membership/gossip.ts";
import { HealthWatch } from "../../../../../node/core/membership/health-watch.ts";
import type { OwnDescription } from "../../../../../node/core/membership/member-entry.ts";
import { MemberTable } from "../../../../../node/core/membership/member-table.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { ControlMessage } from "../../../../../node/core/ports/control-calls.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { nodeId } from "../ring/made-ring.ts";
import { aboutNode } from "./member-entries.ts";

/** One node's gossip, with what it was told and what it told others. */
export interface GossipNode {
  readonly id: NodeId;
  readonly gossip: Gossip;
  readonly table: MemberTable;
  readonly health: HealthWatch;
  readonly events: CoreEvent[];
  readonly learnt: [NodeId, string][];
  /** Peers whose ring was found to differ. */
  readonly compared: NodeId[];
  ring: Ring | undefined;
  digest: string;
  about: OwnDescription;
}

/** Nodes whose control messages travel as JSON, at once. Time is the test's: nothing happens between its rounds. */
export class GossipRig {
  readonly nodes = new Map<NodeId, GossipNode>();
  /** Lengths of every message that travelled, bytes. */
  readonly bytes: number[] = [];
  nowMs = 0;
  readonly #due: (() => void)[] = [];
  readonly #unreachable = new Set<NodeId>();

  add(n: number, { ring, digest = "" }: { ring?: Ring; digest?: string } = {}): GossipNode {
    const id = nodeId(n);
    const observed: CoreEvent[] = [];
    const learnt: [NodeId, string][] = [];
    const compared: NodeId[] = [];
    const observer = { event: (event: CoreEvent) => void observed.push(event) };
    const clock = { monotonicMs: () => this.nowMs, wallMs: () => 1_000 + this.nowMs };
    const timers = {
      after: (_delayMs: number, run: () => void) => {
        this.#due.push(run);
        return () => undefined;
      },
      soon: (run: () => void) => run(),
    };
    const health = new HealthWatch({ clock, timers, observer });
    const about = aboutNode(n);
    const isMember = (other: NodeId): boolean =>
      node.ring?.members.some((member) => member.id === other) ?? false;
    const table = new MemberTable({ self: id, incarnation: 1, isMember }, about);
    const gossip = new Gossip({
      self: id,
      table,
      detector: health.detector,
      ring: {
        current: () => node.ring,
        hash: () => node.digest,
        preferenceList: () => {
          throw new Error("gossip asks for no preference list");
        },
        peerConnected: (peer) => void compared.push(peer),
      },
      calls: { call: (to, message) => this.#carry(id, to, message) },
      directory: { peers: () => [], learn: (peer, address) => void learnt.push([peer, address]) },
      settings: { gossipIntervalMs: 1_000 },
      timers,
      random: {
        bytes: (length) => new Uint8Array(length),
        below: (limit) => (n * 7_919 + this.nowMs) % limit,
      },
      observer,
      describeSelf: () => node.about,
    });
    const node: GossipNode = {
      id,
      gossip,
      table,
      health,
      events: observed,
      learnt,
      compared,
      ring,
      digest,
      about,
    };
    this.nodes.set(id, node);
    return node;
  }

  connect(a: GossipNode, b: GossipNode): void {
    a.health.detector.connected(b.id);
    b.health.detector.connected(a.id);
  }

  /** Nothing arrives at the node, and nothing of it arrives. */
  cutOff(node: GossipNode): void {
    this.#unreachable.add(node.id);
  }

  start(): void {
    for (const { gossip } of this.nodes.values()) gossip.start();
  }

  /** One interval passes for everybody. */
  async round(): Promise<void> {
    this.nowMs += 1_000;
    for (const run of this.#due.splice(0)) run();
    await new Promise((resolve) => void setImmediate(resolve));
  }

  async #carry(from: NodeId, to: NodeId, message: ControlMessage): Promise<ControlMessage | undefined> {
    if (this.#unreachable.has(from) || this.#unreachable.has(to)) return undefined;
    const answer = this.nodes.get(to)!.gossip.handleControl(from, this.#json(message));
    return this.#json(answer);
  }

  #json(message: ControlMessage): ControlMessage {
    const text = JSON.stringify(message);
    this.bytes.push(Buffer.byteLength(text));
    return JSON.parse(text) as ControlMessage;
  }
}
