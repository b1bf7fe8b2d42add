import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const COPIES = 4;

/** Bytes of heap that what `make` makes keeps, as the mean of a few. */
export function heapBytesOf(make: () => unknown): number {
  const kept: unknown[] = [make()];
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let copy = 0; copy < COPIES; copy++) kept.push(make());
  collectGarbage();
  return Math.max(0, process.memoryUsage().heapUsed - before) / (kept.length - 1);
}
