import { readdirSync, readFileSync } from "node:fs";
import type { Coverage } from "../../../../../node/core/version/coverage.ts";
import { type Dot, parseActorId } from "../../../../../node/core/version/dot.ts";
import type { KeyRecord, Sibling, UnknownField } from "../../../../../node/core/version/record.ts";

/**
 * Golden files pin formats: `<name>.bin` holds bytes that a released node may have on its disk, `<name>.json` says
 * what they mean. They are never regenerated: a format that must change gets a new version number and new files.
 * Byte strings are written as `utf8:…` or `hex:…`.
 */
const GOLDEN = new URL("../../../../../../test/golden/", import.meta.url);

export interface Golden<Meaning> {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly meaning: Meaning;
}

export function goldenFiles<Meaning>(prefix: string): Golden<Meaning>[] {
  const files = readdirSync(GOLDEN).filter((file) => file.startsWith(`${prefix}-`) && file.endsWith(".json"));
  return files.sort().map((file) => {
    const name = file.slice(0, -".json".length);
    const meaning = JSON.parse(readFileSync(new URL(file, GOLDEN), "utf8")) as Meaning;
    return { name, bytes: new Uint8Array(readFileSync(new URL(`${name}.bin`, GOLDEN))), meaning };
  });
}

export interface CoverageMeaning {
  readonly vector: Readonly<Record<string, number>>;
  readonly loose: Readonly<Record<string, number[]>>;
}

export interface RecordMeaning extends CoverageMeaning {
  readonly about: string;
  readonly bucket: string;
  readonly key: string;
  readonly siblings: readonly SiblingMeaning[];
  readonly unknownFields: Readonly<Record<string, string>>;
}

interface SiblingMeaning {
  readonly dot: string;
  readonly tombstone: boolean;
  readonly value: string;
  readonly contentType: string;
  readonly modifiedMs: number;
  readonly requestId: string;
  readonly expiresAtMs: number | null;
  readonly unknownFields: Readonly<Record<string, string>>;
}

export interface ContextMeaning extends CoverageMeaning {
  readonly about: string;
  readonly clusterId: string;
  readonly position: string;
  readonly keyId: number;
  readonly secret: string;
}

export function recordOf(meaning: RecordMeaning): KeyRecord {
  return {
    bucket: bytesOf(meaning.bucket),
    key: bytesOf(meaning.key),
    coverage: coverageOf(meaning),
    siblings: meaning.siblings.map(siblingOf),
    unknownFields: fieldsOf(meaning.unknownFields),
  };
}

export function coverageOf({ vector, loose }: CoverageMeaning): Coverage {
  return {
    vector: new Map(Object.entries(vector).map(([actor, n]) => [parseActorId(actor), n])),
    loose: new Map(Object.entries(loose).map(([actor, counters]) => [parseActorId(actor), counters])),
  };
}

function siblingOf(meaning: SiblingMeaning): Sibling {
  return {
    dot: dotOf(meaning.dot),
    tombstone: meaning.tombstone,
    value: bytesOf(meaning.value),
    contentType: meaning.contentType,
    modifiedMs: meaning.modifiedMs,
    requestId: meaning.requestId,
    expiresAtMs: meaning.expiresAtMs ?? undefined,
    unknownFields: fieldsOf(meaning.unknownFields),
  };
}

/** `<actor>:<n>` */
function dotOf(text: string): Dot {
  const [actor, n] = text.split(":");
  return { actor: parseActorId(actor!), n: Number(n) };
}

function fieldsOf(fields: Readonly<Record<string, string>>): UnknownField[] {
  return Object.entries(fields).map(([tag, bytes]) => ({ tag: Number(tag), bytes: bytesOf(bytes) }));
}

export function bytesOf(text: string): Uint8Array {
  if (text.startsWith("hex:")) return new Uint8Array(Buffer.from(text.slice(4), "hex"));
  if (text.startsWith("utf8:")) return new TextEncoder().encode(text.slice(5));
  throw new TypeError(`neither hex: nor utf8: in ${text}`);
}
