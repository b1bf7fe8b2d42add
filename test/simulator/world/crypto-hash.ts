import { createHash, createHmac } from "node:crypto";
import type { Hash } from "../../../node/core/ports/hash.ts";

/** The real hashes: they are functions of their input, so a simulation may use them. */
export const cryptoHash: Hash = {
  md5: (bytes) => new Uint8Array(createHash("md5").update(bytes).digest()),
  mac: (keyId, bytes) => {
    if (keyId !== 1) return undefined;
    return new Uint8Array(
      createHmac("sha256", "simulated cluster secret").update(bytes).digest().subarray(0, 16),
    );
  },
  currentKeyId: () => 1,
};
