import { createHmac } from "node:crypto";

/**
 * The token that admin writes must show, as `Authorization: Bearer <token>`. It is derived from the cluster secret,
 * so whoever may read the secret (operator, CLI on a node's machine) can make it and nothing else has to be handed
 * out; the secret itself never travels. Every key that the cluster still accepts gives a valid token.
 */
const LABEL = "dynamokv admin";

/** 43 characters of base64url. `secretKey`: the bytes of one cluster key. */
export function adminToken(secretKey: Uint8Array): string {
  return createHmac("sha256", secretKey).update(LABEL).digest("base64url");
}
