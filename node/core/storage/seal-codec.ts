import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { SealedAnswer, Sealing } from "../ports/seal-store.ts";
import { readMark, writeMark } from "../seal/watch-mark-codec.ts";

/** What the writer answers to seal rounds, beside whether its commit succeeded. Both ends are one build: no version. */
type Answered = Omit<Extract<SealedAnswer, { status: "answered" }>, "status">;
type Sealed = Omit<Extract<Sealing, { status: "sealed" }>, "status">;

export function encodeSealedAnswer({ covered, mark }: Answered): Uint8Array {
  const writer = new ByteWriter(32 + covered.length);
  writeMark(writer, mark);
  writer.varint(covered.length);
  for (const is of covered) writer.u8(is ? 1 : 0);
  return writer.finish();
}

export function decodeSealedAnswer(bytes: Uint8Array): Answered {
  const reader = new ByteReader(bytes);
  const mark = readMark(reader);
  const covered = Array.from({ length: reader.varint() }, () => reader.u8() === 1);
  reader.end();
  return { covered, mark };
}

export function encodeSealing({ dropped, pruned }: Sealed): Uint8Array {
  return new ByteWriter(8).varint(dropped).varint(pruned).finish();
}

export function decodeSealing(bytes: Uint8Array): Sealed {
  const reader = new ByteReader(bytes);
  const sealed = { dropped: reader.varint(), pruned: reader.varint() };
  reader.end();
  return sealed;
}
