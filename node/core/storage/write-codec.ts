import type { CoordinatedWrite, IncomingRecord, MissedByOwners } from "../ports/replica-store.ts";
import type { DroppedRow } from "../ports/misplaced-store.ts";
import type { KeptIdentity } from "../ports/store-identity.ts";
import type { DeliveredHint, HintPlace } from "../ports/hint-store.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { NodeId } from "../node-id.ts";
import { RECORD_BYTES_MAX } from "../version/record-codec.ts";
import { readList, readNumbers, writeNumbers } from "./number-codec.ts";
import type { SealedQuestion } from "../ports/seal-store.ts";
import type { SealedRow } from "../seal/sealed-record.ts";
import { readSealedRows, sealedRowsBytes, writeSealedRows } from "../seal/sealed-row-codec.ts";
import { readMark, writeMark } from "../seal/watch-mark-codec.ts";

/**
 * Writes on their way from the network thread to the writer thread: one message carries all writes of a tick. Both
 * ends are one build in one process, so the format has no version. Layout, calls numbered on from the first:
 *
 *   first call · count · (kind · position · owners · fields of the kind)…
 *
 * Each value is copied once, into the message; the message itself is moved, not copied.
 */
export type WriteCommand =
  | { readonly kind: "coordinate"; readonly write: CoordinatedWrite }
  | { readonly kind: "store"; readonly incoming: IncomingRecord }
  | { readonly kind: "forget"; readonly hint: DeliveredHint }
  | { readonly kind: "mark"; readonly missed: MissedByOwners }
  | { readonly kind: "mend"; readonly place: HintPlace }
  | { readonly kind: "accept_hints" }
  | { readonly kind: "count_tombstones" }
  | { readonly kind: "drop"; readonly rows: readonly DroppedRow[] }
  | { readonly kind: "rebuild"; readonly leaves: readonly number[] }
  | { readonly kind: "reread"; readonly leaf: number }
  | { readonly kind: "identity"; readonly identity: KeptIdentity }
  | { readonly kind: "ask_sealed"; readonly question: SealedQuestion }
  | { readonly kind: "seal"; readonly rows: readonly SealedRow[] };

const KIND = {
  coordinate: 1,
  store: 2,
  forget: 3,
  mark: 4,
  rebuild: 5,
  identity: 6,
  mend: 7,
  accept: 8,
  count: 9,
  reread: 10,
  drop: 11,
  ask_sealed: 12,
  seal: 13,
} as const;
const NAME_BYTES_MAX = 64 * 1024;
const FIXED_BYTES = 72;
const LEAF_BYTES = 4;
const DROPPED_BYTES = 33;
/** In the place of mintBeforeMs; no clock that is used says 0. */
const UNLIMITED = 0;
/** Sealed rows of one command: some milliseconds of the writer's time. */
export const SEALED_ROWS_MAX = 64;

/** Upper bound of what the command takes in a message, for the sizes of messages, queues and batches. */
export function commandBytes(command: WriteCommand): number {
  if (command.kind === "forget") return FIXED_BYTES + 3 * command.hint.owner.length;
  if (command.kind === "mend") return FIXED_BYTES + 3 * command.place.owner.length;
  if (command.kind === "accept_hints" || command.kind === "count_tombstones" || command.kind === "reread")
    return FIXED_BYTES;
  if (command.kind === "drop") return FIXED_BYTES + command.rows.length * DROPPED_BYTES;
  if (command.kind === "rebuild") return FIXED_BYTES + command.leaves.length * LEAF_BYTES;
  if (command.kind === "identity") return FIXED_BYTES + (1 + command.identity.lostStores.length) * 24;
  if (command.kind === "mark") return FIXED_BYTES + command.missed.owners.length * 48;
  if (command.kind === "ask_sealed") return FIXED_BYTES + sealedRowsBytes(command.question.rows);
  if (command.kind === "seal") return FIXED_BYTES + sealedRowsBytes(command.rows);
  const { keptFor } = command.kind === "coordinate" ? command.write : command.incoming;
  const bytes = FIXED_BYTES + keptFor.length * 48;
  if (command.kind === "store") return bytes + command.incoming.record.length;
  const { bucket, key, seen, value, contentType, requestId } = command.write;
  const text = 3 * (contentType.length + requestId.length);
  return bytes + bucket.length + key.length + seen.length + value.length + text;
}

/** `bytes`: the sum of the commands' `commandBytes`. */
export function encodeWrites(
  firstCall: number,
  commands: readonly WriteCommand[],
  bytes: number,
): Uint8Array {
  const writer = new ByteWriter(16 + bytes);
  writer.varint(firstCall).varint(commands.length);
  for (const command of commands) {
    switch (command.kind) {
      case "coordinate":
        writeCoordinated(writer, command.write);
        break;
      case "store":
        writeIncoming(writer, command.incoming);
        break;
      case "forget":
        writeDelivered(writer, command.hint);
        break;
      case "mark":
        writer.u8(KIND.mark).raw(command.missed.position);
        writeOwners(writer, command.missed.owners);
        break;
      case "mend":
        writer.u8(KIND.mend).raw(command.place.position);
        writeOwners(writer, [command.place.owner]);
        break;
      case "accept_hints":
        writer.u8(KIND.accept);
        break;
      case "count_tombstones":
        writer.u8(KIND.count);
        break;
      case "reread":
        writer.u8(KIND.reread).varint(command.leaf);
        break;
      case "drop":
        writeDropped(writer.u8(KIND.drop), command.rows);
        break;
      case "rebuild":
        writeNumbers(writer.u8(KIND.rebuild), command.leaves);
        break;
      case "identity":
        writeIdentity(writer.u8(KIND.identity), command.identity);
        break;
      case "ask_sealed":
        writeSealedQuestion(writer.u8(KIND.ask_sealed), command.question);
        break;
      case "seal":
        writeSealedRows(writer.u8(KIND.seal), command.rows);
    }
  }
  return writer.finish();
}

function writeDropped(writer: ByteWriter, rows: readonly DroppedRow[]): void {
  writer.varint(rows.length);
  for (const { position, digest, isUnread } of rows)
    writer
      .raw(position)
      .raw(digest)
      .u8(isUnread === true ? 1 : 0);
}

function writeSealedQuestion(writer: ByteWriter, { rows, since }: SealedQuestion): void {
  writer.u8(since === undefined ? 0 : 1);
  if (since !== undefined) writeMark(writer, since);
  writeSealedRows(writer, rows);
}

function readSealedQuestion(reader: ByteReader): SealedQuestion {
  const since = reader.u8() === 0 ? undefined : readMark(reader);
  return { since, rows: readSealedRows(reader, SEALED_ROWS_MAX) };
}

function writeDelivered(writer: ByteWriter, { position, owner, digest }: DeliveredHint): void {
  writer.u8(KIND.forget).raw(position);
  writeOwners(writer, [owner]);
  writer.raw(digest);
}

function writeCoordinated(writer: ByteWriter, write: CoordinatedWrite): void {
  writer.u8(KIND.coordinate).raw(write.position);
  writeOwners(writer, write.keptFor);
  writer.bytes(write.bucket).bytes(write.key).bytes(write.seen);
  writer.u8(write.tombstone ? 1 : 0).bytes(write.value);
  writer.text(write.contentType).varint(write.modifiedMs).text(write.requestId);
  writer.varint(write.mintBeforeMs ?? UNLIMITED);
}

function writeIncoming(writer: ByteWriter, incoming: IncomingRecord): void {
  writer.u8(KIND.store).raw(incoming.position);
  writeOwners(writer, incoming.keptFor);
  writer.u8(incoming.rewrite === true ? 1 : 0).bytes(incoming.record);
}

/** Byte strings are views into `message`. */
export function decodeWrites(message: Uint8Array): { firstCall: number; commands: WriteCommand[] } {
  const reader = new ByteReader(message);
  const firstCall = reader.varint();
  const commands: WriteCommand[] = [];
  for (let left = reader.varint(); left > 0; left--) commands.push(readCommand(reader));
  reader.end();
  return { firstCall, commands };
}

function readCommand(reader: ByteReader): WriteCommand {
  const kind = reader.u8();
  if (kind === KIND.rebuild) return { kind: "rebuild", leaves: readNumbers(reader) };
  if (kind === KIND.drop) return { kind: "drop", rows: readDropped(reader) };
  if (kind === KIND.identity) return { kind: "identity", identity: readIdentity(reader) };
  if (kind === KIND.accept) return { kind: "accept_hints" };
  if (kind === KIND.count) return { kind: "count_tombstones" };
  if (kind === KIND.reread) return { kind: "reread", leaf: reader.varint() };
  if (kind === KIND.ask_sealed) return { kind: "ask_sealed", question: readSealedQuestion(reader) };
  if (kind === KIND.seal) return { kind: "seal", rows: readSealedRows(reader, SEALED_ROWS_MAX) };
  const position = reader.raw(16);
  const keptFor = readOwners(reader);
  switch (kind) {
    case KIND.store:
      return { kind: "store", incoming: readIncoming(reader, position, keptFor) };
    case KIND.forget:
      return { kind: "forget", hint: { position, owner: theOnly(keptFor), digest: reader.raw(16) } };
    case KIND.mark:
      return { kind: "mark", missed: { position, owners: keptFor } };
    case KIND.mend:
      return { kind: "mend", place: { position, owner: theOnly(keptFor) } };
    case KIND.coordinate:
      return { kind: "coordinate", write: readCoordinated(reader, position, keptFor) };
    default:
      throw new MalformedBytes(`unknown kind of write ${kind}`);
  }
}

function readDropped(reader: ByteReader): DroppedRow[] {
  return readList(reader, () => {
    const row = { position: reader.raw(16), digest: reader.raw(16) };
    return reader.u8() === 1 ? { ...row, isUnread: true } : row;
  });
}

function readIncoming(reader: ByteReader, position: Uint8Array, keptFor: readonly NodeId[]): IncomingRecord {
  const rewrite = reader.u8() === 1;
  const incoming = { position, keptFor, record: reader.bytes(RECORD_BYTES_MAX) };
  return rewrite ? { ...incoming, rewrite } : incoming;
}

function readCoordinated(
  reader: ByteReader,
  position: Uint8Array,
  keptFor: readonly NodeId[],
): CoordinatedWrite {
  const write = {
    position,
    keptFor,
    bucket: reader.bytes(NAME_BYTES_MAX),
    key: reader.bytes(NAME_BYTES_MAX),
    seen: reader.bytes(RECORD_BYTES_MAX),
    tombstone: reader.u8() === 1,
    value: reader.bytes(RECORD_BYTES_MAX),
    contentType: reader.text(NAME_BYTES_MAX),
    modifiedMs: reader.varint(),
    requestId: reader.text(NAME_BYTES_MAX),
  };
  const mintBeforeMs = reader.varint();
  return mintBeforeMs === UNLIMITED ? write : { ...write, mintBeforeMs };
}

function writeIdentity(writer: ByteWriter, { storeId, lostStores, recovering }: KeptIdentity): void {
  writer.text(storeId).u8(recovering ? 1 : 0);
  writeOwners(writer, lostStores);
}

function readIdentity(reader: ByteReader): KeptIdentity {
  const storeId = reader.text(NAME_BYTES_MAX);
  const recovering = reader.u8() === 1;
  return { storeId, recovering, lostStores: readOwners(reader) };
}

function theOnly(owners: readonly NodeId[]): NodeId {
  if (owners.length !== 1) throw new MalformedBytes(`a hint is delivered to one owner, not ${owners.length}`);
  return owners[0]!;
}

const noOwners: readonly NodeId[] = [];

export function writeOwners(writer: ByteWriter, owners: readonly string[]): void {
  writer.varint(owners.length);
  for (const owner of owners) writer.text(owner);
}

export function readOwners(reader: ByteReader): readonly NodeId[] {
  const count = reader.varint();
  if (count === 0) return noOwners;
  const owners: NodeId[] = [];
  for (let i = 0; i < count; i++) owners.push(reader.text(NAME_BYTES_MAX) as NodeId);
  return owners;
}
