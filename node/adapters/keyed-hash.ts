import { hash } from "node:crypto";
import type { Hash } from "../core/ports/hash.ts";
import type { ClusterSecret } from "./cluster-secret.ts";
import { md5 } from "./md5.ts";

/**
 * MD5 and HMAC-SHA-256 under the cluster secret, for the core.
 * Intuition: HMAC is two hashes over a padded key and the text. Two one-shot hashes with the padded keys computed once
 * take less time than createHmac (2.6 µs against 4.0 for 64 bytes on a loaded machine), and one-shots that answer a
 * latin1 string less than those that answer a Buffer.
 */
export class KeyedHash implements Hash {
  readonly #secret: ClusterSecret;
  readonly #padded = new Map<Uint8Array, PaddedKey>();

  constructor(secret: ClusterSecret) {
    this.#secret = secret;
  }

  md5(bytes: Uint8Array): Uint8Array {
    return md5(bytes);
  }

  mac(keyId: number, bytes: Uint8Array): Uint8Array | undefined {
    const key = this.#secret.verifying(keyId);
    if (key === undefined) return undefined;
    let padded = this.#padded.get(key.bytes);
    if (padded === undefined) {
      padded = padKey(key.bytes);
      this.#padded.set(key.bytes, padded);
    }
    return hmac(padded, bytes);
  }

  currentKeyId(): number {
    return this.#secret.current.id;
  }
}

interface PaddedKey {
  /** The inner padded key, room for the text behind it. */
  readonly inner: Buffer;
  /** The outer padded key, room for the inner hash behind it. */
  readonly outer: Buffer;
}

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Longer texts get a buffer of their own. */
const TEXT_BYTES = 4096;

/** RFC 2104. */
function padKey(key: Uint8Array): PaddedKey {
  const short = key.length > BLOCK_BYTES ? hash("sha256", key, "buffer") : key;
  const inner = Buffer.alloc(BLOCK_BYTES + TEXT_BYTES, 0);
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0);
  for (let i = 0; i < BLOCK_BYTES; i++) {
    inner[i] = (short[i] ?? 0) ^ 0x36;
    outer[i] = (short[i] ?? 0) ^ 0x5c;
  }
  return { inner, outer };
}

function hmac(key: PaddedKey, bytes: Uint8Array): Uint8Array {
  let text: Uint8Array;
  if (bytes.length <= TEXT_BYTES) {
    key.inner.set(bytes, BLOCK_BYTES);
    text = key.inner.subarray(0, BLOCK_BYTES + bytes.length);
  } else {
    text = Buffer.concat([key.inner.subarray(0, BLOCK_BYTES), bytes]);
  }
  key.outer.write(hash("sha256", text, "binary"), BLOCK_BYTES, "binary");
  return first16(hash("sha256", key.outer, "binary"));
}

function first16(latin1: string): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = latin1.charCodeAt(i);
  return bytes;
}
