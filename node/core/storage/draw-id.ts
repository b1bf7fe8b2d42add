import type { Random } from "../ports/random.ts";

/** 64 random bits as 16 hex digits. */
export function drawId(random: Random): string {
  let hex = "";
  for (const byte of random.bytes(8)) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
