import type { NodeId } from "../../../node/core/node-id.ts";
import { compareStamps, type Stamp, stampOf } from "../../../node/core/membership/member-entry.ts";
import type { Violation } from "../violation.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";

/** Gossip seen from outside: what one process knows of a node is only ever replaced by something later. */
export class GossipLedger {
  /** By process and node: the latest that it has known. */
  readonly #known = new Map<string, Stamp>();

  /** Looks at what the host's process knows now. Returns what is wrong with that. */
  look(host: SimulatedHost, nodes: readonly NodeId[]): Omit<Violation, "atMs"> | undefined {
    for (const node of nodes) {
      const entry = host.node?.membership.view(node).entry;
      if (entry === undefined) continue;
      const name = `${host.id} ${host.incarnation?.number} ${node}`;
      const before = this.#known.get(name);
      const stamp = stampOf(entry);
      this.#known.set(name, stamp);
      if (before === undefined || compareStamps(stamp, before) >= 0) continue;
      const change = `from ${before[1]}.${before[2]} to ${stamp[1]}.${stamp[2]}`;
      const detail = `what ${host.id.slice(-2)} knows of ${node.slice(-2)} went ${change}`;
      return { kind: "gossip_regressed", detail };
    }
    return undefined;
  }
}

/** Who does not know of a process that has been up for long; undefined where all know of all. */
export function notHeardOf(hosts: readonly SimulatedHost[]): string | undefined {
  for (const host of hosts) {
    for (const other of hosts) {
      const own = other.node?.membership.own();
      if (other === host || own === undefined || host.node === undefined) continue;
      const known = host.node.membership.view(other.id).entry?.incarnation;
      if (known !== own.incarnation)
        return `${host.id.slice(-2)} knows incarnation ${known} of ${other.id.slice(-2)}, which is ${own.incarnation}`;
    }
  }
  return undefined;
}
