import { createHash } from "node:crypto";

/**
 * The bytes that clients of the fault tests write: which write it is, of which key, what its author had been shown, and
 * what the workload keeps in it. The checksum tells bytes that nobody wrote from bytes that somebody did.
 */
export interface FaultValue {
  /** Of the write; also its request id. */
  readonly id: string;
  readonly key: string;
  /** Ids in the answer whose context went with the write. */
  readonly saw: readonly string[];
  /** Of the set: all that are in it. */
  readonly elements?: readonly string[];
  /** Of the counter: increments by counting client. */
  readonly counts?: Readonly<Record<string, number>>;
}

const CHECKSUM_DIGITS = 32;

/** @param padding bytes that only make it longer */
export function encodeFaultValue(value: FaultValue, padding: number): Uint8Array {
  const body = JSON.stringify({ ...value, padding: "x".repeat(padding) });
  return Buffer.from(checksumOf(body) + body);
}

/** Undefined where the bytes are not as they were written. */
export function decodeFaultValue(bytes: Uint8Array): FaultValue | undefined {
  const text = Buffer.from(bytes).toString();
  const body = text.slice(CHECKSUM_DIGITS);
  return text.slice(0, CHECKSUM_DIGITS) === checksumOf(body) ? (JSON.parse(body) as FaultValue) : undefined;
}

function checksumOf(body: string): string {
  return createHash("md5").update(body).digest("hex");
}
