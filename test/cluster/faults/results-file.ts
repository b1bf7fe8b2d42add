import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import type { RunResult } from "./run-result.ts";

/**
 * One line of JSON a run, appended as soon as the run is over: several invocations add up, and one that is broken off
 * loses nothing. It lies under .local/, because figures of one machine are no source.
 */
export class ResultsFile {
  readonly path: string;

  constructor(file: string) {
    this.path = path.resolve(file);
  }

  append(result: RunResult): void {
    mkdirSync(path.dirname(this.path), { recursive: true });
    appendFileSync(this.path, `${JSON.stringify(result)}\n`);
  }

  /** In the order in which they were made. */
  read(): RunResult[] {
    if (!existsSync(this.path)) return [];
    const lines = readFileSync(this.path, "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RunResult);
  }

  /** Puts what is there aside: runs of an older program prove nothing about this one. Answers where it is now. */
  setAside(): string | undefined {
    if (!existsSync(this.path)) return undefined;
    const aside = `${this.path}.until-${new Date().toISOString().replaceAll(":", "")}`;
    renameSync(this.path, aside);
    return aside;
  }
}
