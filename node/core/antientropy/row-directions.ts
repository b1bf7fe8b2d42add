import type { MerkleStore } from "../ports/merkle-store.ts";
import { type Direction, directionOf, type Versions } from "./differences.ts";
import { POSITIONS_MAX } from "./exchange-questions.ts";
import { readOrStop } from "./exchange-report.ts";
import { versionsOf } from "./exchange-server.ts";
import type { PeerQuestions } from "./peer-questions.ts";

/** Which way the records go at places where both sides have a row, and the rows differ. */
export interface RowDirections {
  /** One for each position, in order; a row that fails its check on one side is replaced by that of the other. */
  readonly directions: readonly Direction[];
  /** Where the peer has a row that it cannot read. */
  readonly unreadable: readonly Uint8Array[];
  /** Where this node has a row that it cannot read, or has none any more. */
  readonly ownUnreadable: readonly Uint8Array[];
}

/** Of this node's own records, while their versions are looked at. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

/** @param positions ascending. Throws ExchangeStopped. */
export async function directionsOf(
  positions: readonly Uint8Array[],
  questions: PeerQuestions,
  merkle: Pick<MerkleStore, "recordsAt">,
): Promise<RowDirections> {
  const directions: Direction[] = [];
  const unreadable: Uint8Array[] = [];
  const ownUnreadable: Uint8Array[] = [];
  while (directions.length < positions.length) {
    const asked = positions.slice(directions.length, directions.length + POSITIONS_MAX);
    const theirs = await questions.ask({ kind: "versions", positions: asked });
    const looked = asked.slice(0, theirs.positionsRead);
    const found = new Map(theirs.found.map((each) => [each.index, each]));
    const ours = await ownVersions(looked, merkle);
    for (let i = 0; i < looked.length; i++) {
      const our = ours[i];
      const their = found.get(i);
      if (our === undefined) {
        directions.push("pull");
        ownUnreadable.push(looked[i]!);
      } else directions.push(their === undefined ? "push" : directionOf(our, their));
    }
    unreadable.push(...theirs.corrupt.flatMap((index) => looked[index] ?? []));
  }
  return { directions, unreadable, ownUnreadable };
}

async function ownVersions(
  positions: readonly Uint8Array[],
  merkle: Pick<MerkleStore, "recordsAt">,
): Promise<(Versions | undefined)[]> {
  const versions = new Map<string, Versions | undefined>();
  for (let at = 0; at < positions.length;) {
    const asked = positions.slice(at);
    const read = readOrStop(await merkle.recordsAt({ positions: asked, bytesMax: READ_BYTES_MAX }));
    for (const { position, record } of read.rows) versions.set(position.join(), versionsOf(record));
    at += Math.max(1, read.positionsRead);
  }
  return positions.map((position) => versions.get(position.join()));
}
