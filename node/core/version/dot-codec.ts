import { type ActorId, type Dot, EPOCH_MAX } from "./dot.ts";
import { type ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";

/**
 * A dot as bytes: 8 bytes of database actor, then epoch and counter as varints. An actor is text in memory (the key
 * of a Map, and easy to read at 3 a.m.) and binary on disk and between nodes (10 bytes, not 19). The hot path reads
 * every actor twice, in the coverage and at its sibling; the memo of texts below makes that cheap. It holds nothing
 * but what can be made again from the bytes.
 */
const DATABASE_ACTOR_DIGITS = 16;
const EPOCH_AT = DATABASE_ACTOR_DIGITS + 1;

export function writeDot(writer: ByteWriter, dot: Dot): void {
  const actor = dot.actor;
  writer.u32(hexWord(actor, 0)).u32(hexWord(actor, 8));
  let epoch = 0;
  for (let at = EPOCH_AT; at < actor.length; at++) epoch = epoch * 10 + actor.charCodeAt(at) - 48;
  writer.varint(epoch).varint(dot.n);
}

/** The 32 bits that eight lower-case hex digits from `at` say. */
function hexWord(text: string, at: number): number {
  let word = 0;
  for (let i = at; i < at + 8; i++) {
    const code = text.charCodeAt(i);
    word = (word << 4) | (code <= 57 ? code - 48 : code - 87);
  }
  return word >>> 0;
}

/** Throws MalformedBytes where the epoch exceeds 32 bits or the counter is 0. */
export function readDot(reader: ByteReader): Dot {
  const high = reader.u32();
  const low = reader.u32();
  const epoch = reader.varint();
  if (epoch > EPOCH_MAX) throw new MalformedBytes("epoch of an actor exceeds 32 bits");
  const n = reader.varint();
  if (n === 0) throw new MalformedBytes("counter of a dot is 0");
  return { actor: actorText(high, low, epoch), n };
}

interface ActorText {
  readonly high: number;
  readonly low: number;
  readonly epoch: number;
  readonly text: ActorId;
}

/** One slot for each value of some random bits of the database actor: a cluster has few of them alive. */
const MEMO_SLOTS = 64;
const memo = new Array<ActorText | undefined>(MEMO_SLOTS).fill(undefined);

function actorText(high: number, low: number, epoch: number): ActorId {
  const slot = low % MEMO_SLOTS;
  const known = memo[slot];
  const sameDatabase = known !== undefined && known.high === high && known.low === low;
  if (sameDatabase && known.epoch === epoch) return known.text;
  const prefix = sameDatabase ? known.text.slice(0, EPOCH_AT) : `${hexDigits(high)}${hexDigits(low)}#`;
  const text = `${prefix}${epoch}` as ActorId;
  memo[slot] = { high, low, epoch, text };
  return text;
}

function hexDigits(word: number): string {
  return word.toString(16).padStart(8, "0");
}
