/**
 * What clients asked of a cluster and were told: all that a checker may hold against it. Only writes that may have
 * reached a node are ambiguous ("info"); a reader of this history may take the two other outcomes at their word.
 */
export interface Write {
  readonly kind: "put" | "delete";
  /** Also the request id, so the same for all attempts. */
  readonly id: string;
  readonly key: string;
  /** The writes whose author was known when the context that goes with this write was given; empty without one. */
  readonly saw: readonly string[];
  /** That went with the write, as the client had it; where a checker wants to open it. */
  readonly context?: string;
  readonly startedMs: number;
  endedMs: number;
  /** ok: acknowledged. fail: the client says that it was certainly not applied. info: it may be, now or later. */
  outcome: "pending" | "ok" | "fail" | "info";
  /** HTTP requests that carried it. */
  attempts: number;
}

export interface Read {
  readonly key: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

const PROGRESS_MS_MAX = 60_000;

export class History {
  readonly #writes = new Map<string, Write>();
  readonly #byKey = new Map<string, Write[]>();
  #waiting: { count: number; resolve: () => void }[] = [];
  #acknowledged = 0;
  readonly reads: Read[] = [];
  /** What callers saw fail, reads included, as "operation: code message". */
  readonly errors: string[] = [];

  begin(write: Pick<Write, "kind" | "id" | "key" | "saw" | "context">): Write {
    const begun: Write = {
      ...write,
      startedMs: performance.now(),
      endedMs: Infinity,
      outcome: "pending",
      attempts: 0,
    };
    this.#writes.set(write.id, begun);
    const ofKey = this.#byKey.get(write.key);
    if (ofKey === undefined) this.#byKey.set(write.key, [begun]);
    else ofKey.push(begun);
    return begun;
  }

  end(write: Write, outcome: "ok" | "fail" | "info"): void {
    write.outcome = outcome;
    write.endedMs = performance.now();
    if (outcome !== "ok") return;
    this.#acknowledged += 1;
    const due = this.#waiting.filter(({ count }) => count <= this.#acknowledged);
    this.#waiting = this.#waiting.filter(({ count }) => count > this.#acknowledged);
    for (const { resolve } of due) resolve();
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Resolves once this many more writes are acknowledged: how a test waits for load instead of for time. */
  moreAcknowledged(more: number): Promise<void> {
    const count = this.#acknowledged + more;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const last = this.errors.slice(-3).join("; ") || "none";
        reject(new Error(`${this.#acknowledged} of ${count} writes are acknowledged; last errors: ${last}`));
      }, PROGRESS_MS_MAX);
      this.#waiting.push({ count, resolve: () => (clearTimeout(timer), resolve()) });
    });
  }

  writes(): readonly Write[] {
    return [...this.#writes.values()];
  }

  write(id: string): Write | undefined {
    return this.#writes.get(id);
  }

  writesOf(key: string): readonly Write[] {
    return this.#byKey.get(key) ?? [];
  }

  keys(): readonly string[] {
    return [...this.#byKey.keys()];
  }
}
