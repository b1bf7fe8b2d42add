/**
 * Runs the test files given on the command line in this process and sends their counts to the parent (run-suites.ts).
 * Mocha's own command could do the first, but tells its counts only in prose. Options come from .mocharc.json, so a
 * single file run by `npx mocha dist/…` behaves the same.
 *
 * Arguments: the time limit of a test in milliseconds, then the compiled test files.
 */
import { readFileSync } from "node:fs";

import Mocha from "mocha";

export interface SuiteCounts {
  readonly passed: number;
  readonly failed: number;
}

const [timeoutMs, ...files] = process.argv.slice(2);
const options = JSON.parse(readFileSync(new URL("../../.mocharc.json", import.meta.url), "utf8")) as Record<
  string,
  unknown
>;
const mocha = new Mocha({
  forbidOnly: options["forbid-only"] === true,
  forbidPending: options["forbid-pending"] === true,
  timeout: Number(timeoutMs),
  reporter: "spec",
});
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();
const runner = mocha.run(() => {
  const counts: SuiteCounts = { passed: runner.stats?.passes ?? 0, failed: runner.failures };
  process.send?.(counts);
});
