import { DynamoError } from "../dynamo-error.ts";
import type { LocalNode } from "./local-layout.ts";
import { logTail, runningPid } from "./node-process.ts";

/** Something that time alone may heal. */
export class NotYet extends Error {
  override readonly name = "NotYet";
}

/**
 * Looks again and again until something is so: for a minute, or for a minute after it last came nearer. A node that ends
 * meanwhile ends the wait at once, with the end of its log.
 */
export class BoundedWait {
  readonly #nodes: readonly LocalNode[];
  readonly #progress: (line: string) => void;
  #deadlineMs = performance.now() + WAIT_MS_MAX;
  #saidMs = performance.now();

  constructor(nodes: readonly LocalNode[], progress: (line: string) => void) {
    this.#nodes = nodes;
    this.#progress = progress;
  }

  /** Tries again until `attempt` resolves; rejects when time is up, a node ended, or the failure is final. */
  async until<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof NotYet) && !(error instanceof DynamoError && error.retriable)) throw error;
        await this.#assertAlive();
        if (performance.now() >= this.#deadlineMs) {
          const logs = this.#nodes.map((node) => node.logFile).join("\n  ");
          throw new Error(
            `waited ${WAIT_MS_MAX / 1_000} s ${what}: ${error.message}\nSee the logs:\n  ${logs}`,
            {
              cause: error,
            },
          );
        }
        this.#sayWhat(`waiting ${what}: ${error.message}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  /** It came nearer: the minute begins anew. */
  cameNearer(): void {
    this.#deadlineMs = performance.now() + WAIT_MS_MAX;
  }

  async #assertAlive(): Promise<void> {
    for (const node of this.#nodes) {
      if ((await runningPid(node)) !== undefined) continue;
      throw new Error(`node ${node.index} ended; the end of ${node.logFile}:\n${logTail(node, 15)}`);
    }
  }

  #sayWhat(line: string): void {
    if (performance.now() - this.#saidMs < SAY_MS) return;
    this.#saidMs = performance.now();
    this.#progress(line);
  }
}

const WAIT_MS_MAX = 60_000;
const POLL_MS = 100;
const SAY_MS = 3_000;
