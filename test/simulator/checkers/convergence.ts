import { leafOf, xorHash, HASH_BYTES, LEAVES_PER_BLOCK } from "../../../node/core/merkle/leaf.ts";
import { TreeReader } from "../../../node/core/merkle/tree-reader.ts";
import { votersOf } from "../../../node/core/ring/change/elastic-ring.ts";
import type { Ring, RingMember } from "../../../node/core/ring/ring.ts";
import { compareBytes } from "../../../node/core/version/record.ts";
import type { Cluster } from "../cluster.ts";
import type { DatabaseFile } from "../world/simulated-disk.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";
import { OverlaidTree } from "../world/simulated-tree.ts";
import { placeOfKey } from "./durable-copies.ts";
import { hintOwners, hintsLeft } from "./hints.ts";
import { tombstonesMiscounted } from "./tombstones.ts";
import { soundRecord } from "./sound-record.ts";

/**
 * I4, read off the disks: every owner of a key has the same bytes, nobody keeps anything for another, and every Merkle
 * tree is the sum of its rows (so that equal rows are equal roots). Nobody may have to read a key for it.
 */

/** Why the cluster has not converged; undefined where it has. */
export function divergence(cluster: Cluster): string | undefined {
  // Who has no ring cannot tell with whom it has to compare, and owes nobody a vote.
  const recovering = cluster.hosts.find(
    ({ node }) => node?.recovery.isRecovering === true && node.ring.current() !== undefined,
  );
  if (recovering !== undefined) return `${recovering.id.slice(-2)} is still recovering`;
  const unchanged = cluster.changesRing ? ringLeft(cluster) : undefined;
  if (unchanged !== undefined) return unchanged;
  const unlisted = notAdmitted(cluster);
  if (unlisted !== undefined) return unlisted;
  for (const host of cluster.hosts) {
    const left = hintsLeft(host);
    if (left > 0) return `${host.id.slice(-2)} still keeps ${left} hints, for ${hintOwners(host).join(" ")}`;
  }
  const difference = differenceOfOwners(cluster);
  if (difference !== undefined) return difference;
  return wrongTree(cluster) ?? miscount(cluster);
}

/** A change that has begun comes to its end, and everybody who was ever a member hears of it. */
function ringLeft(cluster: Cluster): string | undefined {
  const [latest, behind] = cluster.servedRings();
  const ring = latest?.node?.ring.current();
  if (ring === undefined) return "nobody serves a ring";
  if (ring.change !== null) return `change ${ring.change.changeId} is in phase ${changePhase(ring)}`;
  if (behind !== undefined) return `${behind.id.slice(-2)} serves an earlier ring`;
  const lost = ring.members.find(({ id }) => cluster.host(id).node?.ring.current() === undefined);
  return lost && `${lost.id.slice(-2)} is a member and serves no ring`;
}

/** Who lost its ring store is listed with its new one, unless so many lost theirs that only a person's recovery leads on. */
function notAdmitted(cluster: Cluster): string | undefined {
  const ring = cluster.servedRings()[0]?.node?.ring.current();
  if (ring?.format !== 2) return undefined;
  const isListed = (member: RingMember): boolean =>
    "ringStore" in member && cluster.host(member.id).node?.ring.ringStore() === member.ringStore;
  const voters = votersOf(ring);
  if (2 * voters.filter(isListed).length <= voters.length) return undefined;
  const waiting = ring.members.find((member) => !isListed(member));
  return waiting && `the ring store of ${waiting.id.slice(-2)} is not admitted`;
}

function changePhase(ring: Ring): string {
  return ring.format === 2 ? (ring.change?.phase ?? "none") : "none";
}

function miscount({ hosts }: Cluster): string | undefined {
  for (const { id, disk } of hosts) {
    const miscounted = tombstonesMiscounted(disk.data);
    if (miscounted !== undefined) return `${id.slice(-2)} ${miscounted}`;
  }
  return undefined;
}

/**
 * By file: what was wrong with its tree when it was last looked at. It is still wrong while nothing is written, and a rotten
 * leaf waits for the scrub through hundreds of looks. That a tree is right is never remembered.
 */
const knownWrong = new WeakMap<DatabaseFile, { readonly revision: number; readonly wrong: string }>();

function wrongTree({ hosts }: Cluster): string | undefined {
  const still = hosts.find(({ disk: { data } }) => knownWrong.get(data)?.revision === data.revision);
  if (still !== undefined) return `at ${still.id.slice(-2)} ${knownWrong.get(still.disk.data)!.wrong}`;
  for (const { id, disk } of hosts) {
    const wrong = wrongLeaf(disk.data);
    if (wrong === undefined) continue;
    knownWrong.set(disk.data, { revision: disk.data.revision, wrong });
    return `at ${id.slice(-2)} ${wrong}`;
  }
  return undefined;
}

/** Whose copies of which key are not the same. */
export function differenceOfOwners(cluster: Cluster): string | undefined {
  for (const key of cluster.history.keys()) {
    const difference = differenceOf(cluster, key);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function differenceOf(cluster: Cluster, key: string): string | undefined {
  const { owners } = cluster.preferenceList(key);
  const place = placeOfKey(key);
  const copies = cluster.hosts.map((host) => ({ host, copy: copyIn(host, place) }));
  const stray = copies.find(({ host, copy }) => copy !== undefined && !owners.includes(host.id));
  if (stray !== undefined) return `${stray.host.id.slice(-2)} has ${key} among its own and is no owner`;
  const first = copies.find(({ copy }) => copy !== undefined);
  if (first === undefined) return undefined;
  const other = copies.find(({ host, copy }) => owners.includes(host.id) && !equal(copy, first.copy));
  if (other === undefined) return undefined;
  const what = other.copy === undefined ? "lacks" : "has other bytes of";
  return `${other.host.id.slice(-2)} ${what} ${key} than ${first.host.id.slice(-2)}`;
}

/** The bytes of a sound copy. A rotten one that nobody has another of is as good as none. */
function copyIn(host: SimulatedHost, place: string): Uint8Array | undefined {
  const row = host.disk.data.rows.get(place);
  return row === undefined || soundRecord(row) === undefined ? undefined : row.record;
}

function equal(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return compareBytes(left, right) === 0;
}

/** The first leaf that is not the XOR of the digests of its rows, or block that is not the sum of its leaves. */
export function wrongLeaf(file: DatabaseFile): string | undefined {
  const tree = new TreeReader(new OverlaidTree({ layers: () => [file.tree], open: () => undefined }));
  const expected = new Map<number, { hash: Uint8Array; keys: number }>();
  for (const { position, digest } of file.rows.values()) {
    const leaf = expected.get(leafOf(position)) ?? { hash: new Uint8Array(HASH_BYTES), keys: 0 };
    xorHash(leaf.hash, 0, digest);
    leaf.keys += 1;
    expected.set(leafOf(position), leaf);
  }
  for (const block of tree.occupiedBlocks()) {
    if (!tree.block(block).sumAgain()) return `block ${block} is not the sum of its leaves`;
    for (const { leaf } of tree.leaves({ first: block * LEAVES_PER_BLOCK, count: LEAVES_PER_BLOCK }))
      if (!expected.has(leaf)) return `leaf ${leaf} has a hash and no rows`;
  }
  for (const [leaf, { hash, keys }] of expected) {
    const leaves = tree.block(Math.floor(leaf / LEAVES_PER_BLOCK));
    if (compareBytes(leaves.hashOf(leaf), hash) !== 0) return `leaf ${leaf} is not the sum of its rows`;
    if (leaves.keysOf(leaf) !== keys) return `leaf ${leaf} counts ${leaves.keysOf(leaf)} of ${keys} rows`;
  }
  return undefined;
}
