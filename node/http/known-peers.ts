import type { Membership } from "../core/membership/membership.ts";
import type { NodeId } from "../core/node-id.ts";
import type { PeerDescription, PeerDirectory } from "../core/ports/peer-directory.ts";

export interface PeerSources {
  readonly self: PeerDescription;
  readonly directory: PeerDirectory;
  readonly membership: Membership;
}

/** This node, who said hello to it, and who was only heard of (not connected). */
export function knownPeers({ self, directory, membership }: PeerSources): Map<NodeId, PeerDescription> {
  const known = new Map([self, ...directory.peers()].map((peer) => [peer.id, peer]));
  for (const id of membership.known()) {
    const entry = membership.view(id).entry;
    if (known.has(id) || entry === undefined) continue;
    const { address, clientAddress, zone, software } = entry;
    known.set(id, { id, address, clientAddress, zone, version: software, connected: false });
  }
  return known;
}
