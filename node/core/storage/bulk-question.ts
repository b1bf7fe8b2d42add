import type { HintBatch, HintQuery } from "../ports/hint-store.ts";
import {
  decodeMerkleAnswer,
  encodeMerkleQuestion,
  type MerkleAnswers,
  type MerkleKind,
  type MerkleQuestion,
  type MerkleQuestions,
} from "./merkle-codec.ts";
import { decodeHints, encodeHintQuery } from "./hint-codec.ts";

/**
 * A question that is a message of its own to a reader: its answer is large, and no client waits for it. Either
 * `answered` or `failed` is called, once.
 */
export interface BulkQuestion {
  readonly topic: "hints" | "merkle";
  encode(): Uint8Array;
  answered(message: Uint8Array): CorruptRows;
  failed(message: string): void;
}

/** Rows that failed their check while something was read. */
export interface CorruptRows {
  readonly dataRowsCorrupt: number;
  readonly hintRowsCorrupt: number;
}

export function hintQuestion(query: HintQuery, answer: (batch: HintBatch) => void): BulkQuestion {
  return {
    topic: "hints",
    encode: () => encodeHintQuery(query),
    answered: (message) => {
      const answered = decodeHints(message);
      answer(answered.batch);
      return answered;
    },
    failed: (message) => answer({ status: "failed", message }),
  };
}

export function merkleQuestion<K extends MerkleKind>(
  kind: K,
  query: MerkleQuestions[K],
  answer: (read: MerkleAnswers[K]) => void,
): BulkQuestion {
  return {
    topic: "merkle",
    encode: () => encodeMerkleQuestion({ kind, query } as MerkleQuestion),
    answered: (message) => {
      const answered = decodeMerkleAnswer(kind, message);
      answer(answered);
      const dataRowsCorrupt = "corrupt" in answered ? answered.corrupt.length : 0;
      return { dataRowsCorrupt, hintRowsCorrupt: 0 };
    },
    failed: (message) => answer({ status: "failed", message }),
  };
}
