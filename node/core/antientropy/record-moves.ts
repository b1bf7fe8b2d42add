import { askToStore } from "../coordinator/replica-calls.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Digester } from "../ports/hash.ts";
import type { MerkleStore, RecordRow } from "../ports/merkle-store.ts";
import type { Observer } from "../ports/observer.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import { fateOfAnswer } from "../handoff/handoff-pace.ts";
import { storedWithin } from "../stored-within.ts";
import { compareBytes } from "../version/record.ts";
import { POSITIONS_MAX } from "./exchange-questions.ts";
import { FORMED } from "../ring/ring-number.ts";
import type { RingState } from "../ring/ring-state.ts";
import { ExchangeStopped, readOrStop } from "./exchange-report.ts";
import type { PeerQuestions } from "./peer-questions.ts";

/**
 * Moves whole records between this node and a peer. Both ways they are merged where they arrive, never written over
 * anything, so a record that changed meanwhile, or comes twice, does no harm.
 *
 * Invariant: a record counts as moved only after the side that takes it has acknowledged it from stable storage.
 */
export interface RecordMovesParts {
  /** For writing: what it is given must pass any cache that this node has. */
  readonly store: Pick<ReplicaStore, "store">;
  readonly ring: Pick<RingState, "current">;
  readonly merkle: MerkleStore;
  readonly calls: PeerCalls;
  readonly hash: Digester;
  readonly observer: Observer;
  readonly isConnected: (peer: NodeId) => boolean;
  readonly timers: Timers;
}

/** What came of pulling some positions; each is in exactly one list. */
export interface Pulled {
  readonly stored: readonly Uint8Array[];
  /** The peer has no sound row there. */
  readonly missing: readonly Uint8Array[];
  /** This node's store will never take what the peer has. */
  readonly refused: readonly Uint8Array[];
}

/** The positions, ascending, at which something is left to be done. */
export interface Pushed {
  /** This node's own row failed its check. */
  readonly corrupt: readonly Uint8Array[];
  /** This node finds no row there any more. */
  readonly absent: readonly Uint8Array[];
  /** The peer will never take the record. */
  readonly refused: readonly Uint8Array[];
}

/** Bytes of the records that are read and under way at once. */
const BATCH_BYTES = 1024 * 1024;
/** Position, kind, call, time and count of owners of a message that carries a record. */
const REPLICATE_HEADER_BYTES = 26;
const PUSH_ATTEMPTS_MAX = 4;
const PUSH_PAUSE_MS = 50;

/**
 * Throws ExchangeStopped where the peer does not answer or this node's store cannot take records now.
 * @param how `rewrite`: see IncomingRecord; empty where what arrives is only merged
 */
export async function pullRecords(
  positions: readonly Uint8Array[],
  questions: PeerQuestions,
  parts: RecordMovesParts,
  how: { readonly rewrite?: true } = {},
): Promise<Pulled> {
  const stored: Uint8Array[] = [];
  const missing: Uint8Array[] = [];
  const refused: Uint8Array[] = [];
  for (let at = 0; at < positions.length;) {
    const asked = positions.slice(at, at + POSITIONS_MAX);
    const { found, positionsRead } = await questions.ask({ kind: "records", positions: asked });
    const looked = asked.slice(0, positionsRead);
    const fates = await Promise.all(
      found.map(async ({ index, digest, record }) => {
        if (compareBytes(parts.hash.md5(record), digest) !== 0)
          throw new ExchangeStopped("failed", "a record of the peer does not match its digest");
        const position = looked[index]!;
        const storing = parts.store.store({ position, record, keptFor: [], ...how });
        return { position, answer: await storedWithin(storing, parts.timers) };
      }),
    );
    for (const { position, answer } of fates) {
      const fate = fateOfAnswer(answer);
      if (fate === "delivered") stored.push(position);
      if (fate === "refused") refused.push(position);
    }
    questions.tally.recordsPulled += fates.filter(({ answer }) => answer.ok).length;
    const failed = fates.find(({ answer }) => fateOfAnswer(answer) === "failed");
    if (failed !== undefined && !failed.answer.ok)
      throw new ExchangeStopped("failed", `this node could not store a record: ${failed.answer.message}`);
    const indexes = new Set(found.map(({ index }) => index));
    missing.push(...looked.filter((_, index) => !indexes.has(index)));
    at += looked.length;
  }
  return { stored, missing, refused };
}

/** Throws ExchangeStopped where the peer does not acknowledge. */
export async function pushRecords(
  positions: readonly Uint8Array[],
  questions: PeerQuestions,
  parts: RecordMovesParts,
): Promise<Pushed> {
  const corrupt: Uint8Array[] = [];
  const absent: Uint8Array[] = [];
  const refused: Uint8Array[] = [];
  for (let at = 0; at < positions.length;) {
    const asked = positions.slice(at, at + POSITIONS_MAX);
    const read = readOrStop(await parts.merkle.recordsAt({ positions: asked, bytesMax: BATCH_BYTES }));
    const fates = await Promise.all(read.rows.map((row) => pushRecord(row, questions, parts)));
    const failed = fates.find(({ answer }) => fateOfAnswer(answer) === "failed");
    if (failed !== undefined && !failed.answer.ok)
      throw new ExchangeStopped("failed", `the peer did not take a record: ${failed.answer.message}`);
    refused.push(...fates.filter(({ answer }) => !answer.ok).map(({ position }) => position));
    corrupt.push(...read.corrupt);
    const found = new Set([...read.rows.map(({ position }) => position), ...read.corrupt].map(nameOf));
    absent.push(...asked.slice(0, read.positionsRead).filter((position) => !found.has(nameOf(position))));
    at += Math.max(1, read.positionsRead);
  }
  return { corrupt, absent, refused };
}

/** Sent again where no answer came: merging it twice changes nothing. */
async function pushRecord(
  { position, record }: RecordRow,
  questions: PeerQuestions,
  parts: RecordMovesParts,
) {
  for (let attempt = 1; ; attempt++) {
    const planned = parts.ring.current() ?? FORMED;
    const terms = { timeoutMs: questions.timeoutMs(attempt), lane: "bulk", planned } as const;
    questions.tally.bytesSent += REPLICATE_HEADER_BYTES + record.length;
    const answer = await askToStore(questions.peer, { position, record, keptFor: [] }, terms, parts);
    if (answer.ok) questions.tally.recordsPushed += 1;
    const isSilence = !answer.ok && (answer.message === "lost" || answer.message === "not_sent");
    if (!isSilence || attempt === PUSH_ATTEMPTS_MAX || !parts.isConnected(questions.peer))
      return { position, answer };
    await questions.pause(PUSH_PAUSE_MS * attempt);
  }
}

function nameOf(position: Uint8Array): string {
  return position.join();
}
