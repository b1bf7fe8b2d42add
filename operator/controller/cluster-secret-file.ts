import { randomBytes } from "node:crypto";
import type { V1Secret } from "@kubernetes/client-node";
import { adminToken } from "../../node/contract/admin-token.ts";
import { SECRET_KEY } from "../desired/cluster-secret.ts";

/** A fresh secret file of one key, as the nodes read it. */
export function drawSecretFile(): string {
  return `1 ${randomBytes(32).toString("base64")}\n`;
}

/** The token that opens the nodes' admin writes; undefined where the Secret holds no usable key. */
export function tokenOf(secret: V1Secret): string | undefined {
  const text = Buffer.from(secret.data?.[SECRET_KEY] ?? "", "base64").toString("utf8");
  for (const line of text.split("\n")) {
    const match = /^(\d{1,3})\s+([A-Za-z0-9+/]+={0,2})\s*$/.exec(line.replace(/#.*$/, "").trim());
    if (match !== null) return adminToken(Buffer.from(match[2]!, "base64"));
  }
  return undefined;
}
