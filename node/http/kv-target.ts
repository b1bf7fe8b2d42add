import { BUCKET_BYTES_MAX, KEY_BYTES_MAX } from "../contract/http-headers.ts";
import type { KeyOfBucket } from "../core/coordinator/requests.ts";
import { BadRequest, type BadRequestCode } from "./bad-request.ts";

/**
 * Reads a request target `/v1/kv/{bucket}/{key}?query` by hand. Buckets and keys are opaque bytes, so nothing here
 * normalises: no `..`, no `//`, no trailing slash, no case folding, no Unicode. A slash, a question mark, a percent
 * sign or a byte outside printable ASCII is written `%XX`; any byte may be, NUL included. URL parsers would resolve
 * `..` and reject `%ff`, which is why none is used.
 */
const PREFIX = "/v1/kv/";

export interface KvTarget extends KeyOfBucket {
  /** What follows the question mark; empty where there is none. */
  readonly query: string;
}

export function isKvTarget(target: string): boolean {
  return target.startsWith(PREFIX);
}

/** `target` starts with `/v1/kv/`. */
export function parseKvTarget(target: string): KvTarget | BadRequest {
  const mark = target.indexOf("?", PREFIX.length);
  const path = mark === -1 ? target : target.slice(0, mark);
  const slash = path.indexOf("/", PREFIX.length);
  if (slash === -1 || path.indexOf("/", slash + 1) !== -1) {
    return new BadRequest(
      404,
      "not_found",
      "expected /v1/kv/{bucket}/{key}; write a slash inside a key as %2F",
    );
  }
  const bucket = decodeSegment(path.slice(PREFIX.length, slash), bucketRules);
  if (bucket instanceof BadRequest) return bucket;
  const key = decodeSegment(path.slice(slash + 1), keyRules);
  if (key instanceof BadRequest) return key;
  return { bucket, key, query: mark === -1 ? "" : target.slice(mark + 1) };
}

/** Decodes `{bucket}/{key}`, for the admin routes that take one. */
export function parseBucketAndKey(path: string): KeyOfBucket | BadRequest {
  return parseKvTarget(PREFIX + path);
}

interface SegmentRules {
  readonly code: BadRequestCode;
  readonly name: string;
  readonly bytesMax: number;
}

const bucketRules: SegmentRules = { code: "invalid_bucket", name: "bucket", bytesMax: BUCKET_BYTES_MAX };
const keyRules: SegmentRules = { code: "invalid_key", name: "key", bytesMax: KEY_BYTES_MAX };

/** Printable ASCII without `#`, which would start a fragment that no client may send. */
const PLAIN = /^[\x21\x22\x24-\x7e]*$/;

function decodeSegment(text: string, rules: SegmentRules): Uint8Array | BadRequest {
  if (text.length === 0) return new BadRequest(400, rules.code, `the ${rules.name} is empty`);
  if (text.length > 3 * rules.bytesMax) return tooLong(rules);
  if (!PLAIN.test(text)) {
    const message = `the ${rules.name} has a byte that must be percent-encoded (not printable ASCII, or #)`;
    return new BadRequest(400, rules.code, message);
  }
  const bytes = Buffer.allocUnsafe(text.length);
  const length = text.includes("%") ? percentDecode(text, bytes) : bytes.write(text, "latin1");
  if (length === -1) {
    return new BadRequest(400, rules.code, `the ${rules.name} has a % that two hex digits do not follow`);
  }
  if (length > rules.bytesMax) return tooLong(rules);
  return length === bytes.length ? bytes : bytes.subarray(0, length);
}

/** Returns the count of bytes written, −1 for a malformed escape. */
function percentDecode(text: string, into: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit !== 0x25) {
      into[length++] = unit;
      continue;
    }
    const high = hexDigit(text.charCodeAt(i + 1));
    const low = hexDigit(text.charCodeAt(i + 2));
    if (high === -1 || low === -1) return -1;
    into[length++] = high * 16 + low;
    i += 2;
  }
  return length;
}

/** `unit` is NaN past the end of the text. */
function hexDigit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function tooLong({ code, name, bytesMax }: SegmentRules): BadRequest {
  return new BadRequest(400, code, `the ${name} is longer than ${bytesMax} bytes`);
}
