import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { WatchMark } from "../ports/seal-store.ts";
import { type SealAnswer, SEALED_AT_ONCE_MAX } from "./seal-round.ts";
import type { SealedRow } from "./sealed-record.ts";
import { readSealedRows, sealedRowsBytes, writeSealedRows } from "./sealed-row-codec.ts";
import { readMark, writeMark } from "./watch-mark-codec.ts";

/**
 * What members say to one another in a seal round: bodies of messages of kind "seal" and of their replies. A release that does
 * not know the kind leaves it unanswered: then there is no round.
 *
 *   u8 kind · [life · at] · rows          u8 status · (text message | what the status says)
 */
export type SealRequest =
  /** Either pass; `since` is the mark of the member's first answer. */
  | { readonly kind: "ask"; readonly since: WatchMark | undefined; readonly rows: readonly SealedRow[] }
  | { readonly kind: "seal"; readonly rows: readonly SealedRow[] };

export type SealReply =
  | { readonly status: "answered"; readonly answer: SealAnswer; readonly mark: WatchMark }
  | { readonly status: "sealed"; readonly dropped: number; readonly pruned: number }
  /** For people: it is busy, or its store cannot answer. */
  | { readonly status: "declined"; readonly message: string };

const KIND = { first: 0, second: 1, seal: 2 } as const;
const STATUS = { answered: 0, sealed: 1, declined: 2 } as const;
const TEXT_BYTES_MAX = 4 * 1024;
const DIGEST_BYTES_MAX = 64;

export function encodeSealRequest(request: SealRequest): Uint8Array {
  const writer = new ByteWriter(64 + sealedRowsBytes(request.rows));
  if (request.kind === "seal") writer.u8(KIND.seal);
  else if (request.since === undefined) writer.u8(KIND.first);
  else writeMark(writer.u8(KIND.second), request.since);
  writeSealedRows(writer, request.rows);
  return writer.finish();
}

/** Throws MalformedBytes. Byte strings are views of `body`. */
export function decodeSealRequest(body: Uint8Array): SealRequest {
  const reader = new ByteReader(body);
  const kind = reader.u8();
  if (kind > KIND.seal) throw new MalformedBytes(`unknown request ${kind} of a seal round`);
  const since = kind === KIND.second ? readMark(reader) : undefined;
  const rows = readSealedRows(reader, SEALED_AT_ONCE_MAX);
  reader.end();
  return kind === KIND.seal ? { kind: "seal", rows } : { kind: "ask", since, rows };
}

export function encodeSealReply(reply: SealReply): Uint8Array {
  const writer = new ByteWriter(256);
  switch (reply.status) {
    case "answered":
      writeAnswer(writer.u8(STATUS.answered), reply);
      break;
    case "sealed":
      writer.u8(STATUS.sealed).varint(reply.dropped).varint(reply.pruned);
      break;
    case "declined":
      writer.u8(STATUS.declined).text(reply.message.slice(0, TEXT_BYTES_MAX / 4));
  }
  return writer.finish();
}

/** Throws MalformedBytes. */
export function decodeSealReply(body: Uint8Array): SealReply {
  const reader = new ByteReader(body);
  const reply = readReply(reader);
  reader.end();
  return reply;
}

function readReply(reader: ByteReader): SealReply {
  const status = reader.u8();
  switch (status) {
    case STATUS.answered:
      return readAnswer(reader);
    case STATUS.sealed:
      return { status: "sealed", dropped: reader.varint(), pruned: reader.varint() };
    case STATUS.declined:
      return { status: "declined", message: reader.text(TEXT_BYTES_MAX) };
    default:
      throw new MalformedBytes(`unknown status ${status} of a reply of a seal round`);
  }
}

function writeAnswer(writer: ByteWriter, { answer, mark }: Extract<SealReply, { status: "answered" }>): void {
  writer.text(answer.ring).u8(answer.isRecovering ? 1 : 0);
  writer.varint(Math.floor(answer.steadyMs)).varint(Math.ceil(answer.pauseMs));
  writeMark(writer, mark);
  writer.varint(answer.covered.length);
  for (const is of answer.covered) writer.u8(is ? 1 : 0);
}

function readAnswer(reader: ByteReader): SealReply {
  const head = { ring: reader.text(DIGEST_BYTES_MAX), isRecovering: reader.u8() === 1 };
  const times = { steadyMs: reader.varint(), pauseMs: reader.varint() };
  const mark = readMark(reader);
  const count = reader.varint();
  if (count > SEALED_AT_ONCE_MAX) throw new MalformedBytes(`an answer about ${count} sealed rows`);
  const covered = Array.from({ length: count }, () => reader.u8() === 1);
  return { status: "answered", answer: { ...head, ...times, covered }, mark };
}
