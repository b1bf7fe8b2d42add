import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

/** Flips the bits of `mask` in byte `at` of the file, as a disk may. */
export function flipBit(path: string, at: number, mask = 1): void {
  const file = openSync(path, "r+");
  writeSync(file, Uint8Array.of(readFileSync(path)[at]! ^ mask), 0, 1, at);
  closeSync(file);
}

/** Where `what` stands in the file from byte `from` on. Throws where it does not. */
export function placeIn(path: string, what: string | Uint8Array, from = 0): number {
  const at = readFileSync(path).indexOf(what, from);
  if (at < 0) throw new Error(`${path} does not hold ${what.toString()}`);
  return at;
}
