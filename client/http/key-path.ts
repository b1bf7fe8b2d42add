import { DynamoError } from "../dynamo-error.ts";

/**
 * Buckets and keys are opaque bytes; in a path each byte that is not unreserved (RFC 3986) is percent-encoded, so
 * that "/", "?", "%" and bytes that are not UTF-8 arrive as they are. Dots alone are encoded too: "." and ".." as
 * they are would be resolved by whatever parses the path.
 */
export function keyPath(bucket: string | Uint8Array, key: string | Uint8Array): string {
  return `/v1/kv/${pathSegment(bucket, "bucket")}/${pathSegment(key, "key")}`;
}

/** Throws DynamoError invalid_argument for an empty name and for text with half a surrogate pair. */
export function pathSegment(name: string | Uint8Array, what: "bucket" | "key"): string {
  const bytes = nameBytes(name, what);
  let encoded = "";
  for (const byte of bytes) encoded += ENCODED[byte]!;
  return encoded === "." || encoded === ".." ? encoded.replaceAll(".", "%2E") : encoded;
}

/** As pathSegment. */
export function nameBytes(name: string | Uint8Array, what: "bucket" | "key"): Uint8Array {
  if (typeof name === "string" && LONE_SURROGATE.test(name)) {
    throw new DynamoError(`the ${what} is not well-formed text (half a surrogate pair)`, {
      code: "invalid_argument",
    });
  }
  const bytes = typeof name === "string" ? Buffer.from(name, "utf8") : name;
  if (bytes.length === 0) throw new DynamoError(`the ${what} is empty`, { code: "invalid_argument" });
  return bytes;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9._~-]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});
