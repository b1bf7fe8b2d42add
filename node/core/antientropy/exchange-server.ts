import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { LeafHash, LeafRange, MerkleStore } from "../ports/merkle-store.ts";
import type { Observer } from "../ports/observer.ts";
import { type KeepersRing, keepersOf } from "../ring/keepers.ts";
import { partitionOf } from "../ring/position.ts";
import { compareBytes } from "../version/record.ts";
import { decodeRecord } from "../version/record-codec.ts";
import { partitionOfLeaf, sharedPartitions } from "./shared-partitions.ts";
import {
  type Answers,
  type AnswerKind,
  type Declined,
  encodeAnswer,
  encodeDeclined,
  type FoundVersions,
  ROWS_PER_ANSWER_MAX,
} from "./exchange-answers.ts";
import { type Question, readQuestion } from "./exchange-questions.ts";
import { TRANSFERS_OUT_MAX, TransfersOut } from "./transfers-out.ts";

/**
 * The side of an exchange that is asked: it shows its tree and its records to a node that owns the same partitions, or
 * comes to own them by the change under way, and to nobody else; which rows it has, and in which versions, to everybody, since whoever
 * keeps a misplaced copy has to know. It keeps nothing between two questions; what one question costs is bounded, and so
 * is how many are worked on at once: more are answered "busy".
 */
export interface ExchangeServerParts {
  readonly self: NodeId;
  readonly ring: KeepersRing;
  readonly merkle: MerkleStore;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Whether this node would begin to serve an exchange to that peer now. */
  readonly mayBegin: (peer: NodeId) => boolean;
  /**
   * Whether this node has lost data and has not got it back: then it gives no copies to whoever gains them. The peer may not have
   * heard of it yet, and a change would rest on a comparison with less than was acknowledged.
   */
  readonly isRecovering: () => boolean;
  /** Called where a peer's roots are all equal to this node's. */
  readonly onEqual: (peer: NodeId, partitions: readonly number[]) => void;
  /** Told of a row of this node's that failed its check. */
  readonly onCorrupt: (position: Uint8Array) => void;
  /** Told of a leaf of each block of this node's whose root is not the sum of its leaves. */
  readonly onRootsWrong: (leaves: readonly number[]) => void;
}

/** Questions worked on at once; of one peer two, as its first may have been given up. */
const SERVED_MAX = 4;
const SERVED_PER_PEER_MAX = 2;
/** Of records: an answer ends before it would exceed this. */
const ANSWER_BYTES_MAX = 1024 * 1024;

type Answered = { readonly status: "ok"; readonly bytes: Uint8Array } | Declined;

export class ExchangeServer {
  readonly #parts: ExchangeServerParts;
  readonly #served: NodeId[] = [];
  readonly #transfers = new TransfersOut();

  constructor(parts: ExchangeServerParts) {
    this.#parts = parts;
  }

  /** Throws MalformedBytes where the body is no question. */
  async answer(from: NodeId, body: Uint8Array): Promise<Uint8Array> {
    const question = readQuestion(new ByteReader(body));
    const answered = await this.#admitted(from, question);
    const bytes = answered.status === "ok" ? answered.bytes : encodeDeclined(answered);
    this.#parts.observer.event({
      kind: "antientropy_served",
      peerId: from,
      question: question.kind,
      answer: answered.status,
      bytes: bytes.length,
    });
    return bytes;
  }

  async #admitted(from: NodeId, question: Question): Promise<Answered> {
    const declined = this.#declines(from, question);
    if (declined !== undefined) return declined;
    this.#served.push(from);
    try {
      return await this.#answered(from, question);
    } finally {
      this.#served.splice(this.#served.indexOf(from), 1);
    }
  }

  #declines(from: NodeId, question: Question): Declined | undefined {
    const { self, ring, mayBegin, isRecovering } = this.#parts;
    const current = ring.current();
    if (current === undefined || ring.hash() !== question.ring.digest) {
      const message = `node ${self} has ring epoch ${current?.epoch ?? 0}, node ${from} asked with epoch ${question.ring.epoch}`;
      return { status: "other_ring", message };
    }
    if (!this.#mayAsk(from, question, current.parameters.partitions))
      return {
        status: "refused",
        message: `node ${from} asked node ${self} for partitions that it does not own`,
      };
    const ofPeer = this.#served.filter((peer) => peer === from).length;
    if (this.#served.length >= SERVED_MAX || ofPeer >= SERVED_PER_PEER_MAX)
      return {
        status: "busy",
        message: `node ${self} works on ${this.#served.length} questions of other nodes`,
      };
    const nowMs = this.#parts.clock.monotonicMs();
    if (question.kind === "roots" && question.partitions !== undefined) {
      if (isRecovering())
        return { status: "busy", message: `node ${self} has lost data and has not got it back yet` };
      if (!this.#transfers.admit(from, nowMs))
        return { status: "busy", message: `node ${self} gives copies to ${TRANSFERS_OUT_MAX} other nodes` };
    } else if (question.kind === "roots" && !mayBegin(from)) {
      return { status: "busy", message: `node ${self} repairs its copies with another node` };
    }
    this.#transfers.asked(from, nowMs);
    return undefined;
  }

  /** Only what both keep. Where the roots name no partition they are refused by their number, below. */
  #mayAsk(from: NodeId, question: Question, partitions: number): boolean {
    const { self, ring } = this.#parts;
    const isKept = (partition: number): boolean => keepersOf(ring, partition).includes(self);
    const isShared = (partition: number): boolean =>
      isKept(partition) && keepersOf(ring, partition).includes(from);
    switch (question.kind) {
      case "roots":
        if (question.partitions !== undefined)
          return question.partitions.every((partition) => partition < partitions && isShared(partition));
        return (
          sharedPartitions(ring, self, from).length === question.roots.length && question.roots.length > 0
        );
      case "leaves":
        return question.ranges.every((range) => partitionsOf(range, partitions).every(isShared));
      case "rows":
        return question.leaves.every((leaf) => isKept(partitionOfLeaf(leaf, partitions)));
      case "versions":
        return question.positions.every((position) => isKept(partitionOf(position, partitions)));
      case "records":
        return question.positions.every((position) => isShared(partitionOf(position, partitions)));
    }
  }

  #answered(from: NodeId, question: Question): Promise<Answered> {
    switch (question.kind) {
      case "roots":
        return this.#roots(from, question);
      case "leaves":
        return this.#leaves(question.ranges);
      case "rows":
        return this.#rows(question.leaves, question.after);
      case "versions":
        return this.#versions(question.positions);
      case "records":
        return this.#records(question.positions);
    }
  }

  async #roots(from: NodeId, question: Extract<Question, { kind: "roots" }>): Promise<Answered> {
    const { self, ring, merkle, onEqual } = this.#parts;
    const { roots: theirs, partitions } = question;
    const shared = partitions ?? sharedPartitions(ring, self, from);
    const read = await merkle.partitionRoots(ring.current()?.parameters.partitions ?? 0);
    if (read.status === "failed") return read;
    const differing = [...shared.keys()].filter((i) => {
      const ours = read.partitions[shared[i]!];
      return ours === undefined || compareBytes(ours.root, theirs[i]!) !== 0;
    });
    if (differing.length === 0 && partitions === undefined) onEqual(from, shared);
    if (differing.length === 0) this.#transfers.ended(from);
    return ok("roots", { differing });
  }

  async #leaves(ranges: readonly LeafRange[]): Promise<Answered> {
    const leaves: LeafHash[] = [];
    for (const range of ranges) {
      const read = await this.#parts.merkle.leafHashes(range);
      if (read.status === "failed") return read;
      leaves.push(...read.leaves);
      if (read.rootsWrong.length > 0) this.#parts.onRootsWrong(read.rootsWrong);
    }
    return ok("leaves", { leaves });
  }

  async #rows(leaves: readonly number[], after: Uint8Array | undefined): Promise<Answered> {
    const read = await this.#parts.merkle.rowsOfLeaves({ leaves, after, rowsMax: ROWS_PER_ANSWER_MAX });
    return read.status === "failed" ? read : ok("rows", read);
  }

  async #versions(positions: readonly Uint8Array[]): Promise<Answered> {
    const read = await this.#parts.merkle.recordsAt({ positions, bytesMax: ANSWER_BYTES_MAX });
    if (read.status === "failed") return read;
    for (const position of read.corrupt) this.#parts.onCorrupt(position);
    const indexOf = indexIn(positions);
    const corrupt = read.corrupt.map(indexOf);
    const found: FoundVersions[] = [];
    for (const { position, record } of read.rows) {
      const versions = versionsOf(record);
      if (versions === undefined) corrupt.push(indexOf(position));
      else found.push({ index: indexOf(position), ...versions });
    }
    corrupt.sort((a, b) => a - b);
    return ok("versions", { positionsRead: read.positionsRead, corrupt, found });
  }

  async #records(positions: readonly Uint8Array[]): Promise<Answered> {
    const read = await this.#parts.merkle.recordsAt({ positions, bytesMax: ANSWER_BYTES_MAX });
    if (read.status === "failed") return read;
    for (const position of read.corrupt) this.#parts.onCorrupt(position);
    const indexOf = indexIn(positions);
    return ok("records", {
      positionsRead: read.positionsRead,
      corrupt: read.corrupt.map(indexOf),
      found: read.rows.map(({ position, digest, record }) => ({ index: indexOf(position), digest, record })),
    });
  }
}

/** What a record says of its versions; undefined where its bytes cannot be read. */
export function versionsOf(bytes: Uint8Array): Omit<FoundVersions, "index"> | undefined {
  try {
    const { coverage, siblings } = decodeRecord(bytes);
    return { coverage, dots: siblings.map(({ dot }) => dot) };
  } catch (error) {
    if (error instanceof MalformedBytes) return undefined;
    throw error;
  }
}

/** Where a position stands among those asked for. */
function indexIn(positions: readonly Uint8Array[]): (position: Uint8Array) => number {
  const indexes = new Map(positions.map((position, index) => [position.join(), index]));
  return (position) => indexes.get(position.join()) ?? 0;
}

function ok<K extends AnswerKind>(kind: K, body: Answers[K]): Answered {
  return { status: "ok", bytes: encodeAnswer(kind, body) };
}

function partitionsOf({ first, count }: LeafRange, partitions: number): number[] {
  const begin = partitionOfLeaf(first, partitions);
  const end = partitionOfLeaf(first + count - 1, partitions);
  return Array.from({ length: end - begin + 1 }, (_, i) => begin + i);
}
