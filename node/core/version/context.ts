import type { Hash } from "../ports/hash.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { readCoverage, writeCoverage } from "./coverage-codec.ts";
import { type Coverage, emptyCoverage } from "./coverage.ts";

/**
 * The cookie of Dynamo §2.3: what a get showed (or a put wrote), for the client to send back with its next put.
 * Opaque, and tagged with a keyed hash over cluster and key, so that a client can neither forge a counter nor use
 * one key's context for another. Bytes: u8 version · u8 key id · 16-byte tag · coverage.
 */
const CONTEXT_VERSION = 1;
const TAG_BYTES = 16;
const HEADER_BYTES = 2 + TAG_BYTES;

/** Longer contexts are refused before they are decoded. */
export const CONTEXT_BYTES_MAX = 64 * 1024;

export interface ContextScope {
  readonly clusterId: string;
  readonly position: Uint8Array;
}

/** Throws where the hash has no secret for its own current key: a node without one must not serve. */
export function sealContext(coverage: Coverage, scope: ContextScope, hash: Hash): Uint8Array {
  const writer = taggedHeader(scope, 64);
  const bodyAt = writer.length;
  writeCoverage(writer, coverage);
  const tagged = writer.finish();
  const keyId = hash.currentKeyId();
  const tag = hash.mac(keyId, tagged);
  if (tag === undefined) throw new Error(`no secret for the current key id ${keyId}`);
  const body = tagged.subarray(bodyAt);
  return new ByteWriter(HEADER_BYTES + body.length).u8(CONTEXT_VERSION).u8(keyId).raw(tag).raw(body).finish();
}

export type OpenedContext =
  | { readonly ok: true; readonly coverage: Coverage }
  | { readonly ok: false; readonly code: "invalid_context" | "context_mismatch"; readonly message: string };

/** An empty or absent context is an empty coverage: such a put overwrites nothing. */
export function openContext(context: Uint8Array, scope: ContextScope, hash: Hash): OpenedContext {
  if (context.length === 0) return { ok: true, coverage: emptyCoverage };
  if (context.length > CONTEXT_BYTES_MAX) return invalid(`longer than ${CONTEXT_BYTES_MAX} bytes`);
  if (context.length < HEADER_BYTES) return invalid("cut short");
  if (context[0] !== CONTEXT_VERSION) return invalid(`version ${context[0]} is not known`);
  const body = context.subarray(HEADER_BYTES);
  const expected = hash.mac(context[1]!, taggedHeader(scope, body.length).raw(body).finish());
  if (expected === undefined)
    return invalid("made with a key that is unknown or retired; read the key again");
  if (!equalInConstantTime(expected, context.subarray(2, HEADER_BYTES))) {
    return {
      ok: false,
      code: "context_mismatch",
      message: "context was altered, or belongs to another key or cluster; read the key again",
    };
  }
  try {
    const reader = new ByteReader(body);
    const coverage = readCoverage(reader);
    reader.end();
    return { ok: true, coverage };
  } catch (error) {
    if (error instanceof MalformedBytes) return invalid(error.message);
    throw error;
  }
}

/** What stands before the coverage in the bytes that are hashed. */
function taggedHeader(scope: ContextScope, bodyBytes: number): ByteWriter {
  const capacity = 64 + scope.clusterId.length + bodyBytes;
  return new ByteWriter(capacity).u8(CONTEXT_VERSION).text(scope.clusterId).raw(scope.position);
}

function invalid(reason: string): OpenedContext {
  return { ok: false, code: "invalid_context", message: `context is not valid: ${reason}` };
}

function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let i = 0; i < left.length; i++) difference |= left[i]! ^ right[i]!;
  return difference === 0;
}
