import type { NodeId } from "../../../node/core/node-id.ts";
import type { Coverage } from "../../../node/core/version/coverage.ts";

/** What the clients did and were told: all that a checker may hold against the cluster. */
export interface WriteOperation {
  readonly kind: "put" | "delete";
  /** Also the request id: the same for all attempts. */
  readonly id: string;
  readonly key: string;
  readonly invokedMs: number;
  /** What the context that was sent covers; undefined for a delete without one: the server reads by itself. */
  readonly seen: Coverage | undefined;
  /** The writes that the reply showed whose context was sent; only of puts with a context. */
  readonly saw: readonly string[];
  attempts: number;
  /** The nodes that the client sent it to. */
  readonly asked: Set<NodeId>;
  endedMs: number;
  /**
   * "ok": acknowledged. "refused": the cluster said that it left no trace. "unknown": anything else; it may be
   * applied at any later time.
   */
  outcome: "pending" | "ok" | "refused" | "unknown";
  /** What the acknowledgement's context covers. */
  answered: Coverage | undefined;
}

/** A context that a client was given, and what was shown with it. */
export interface GivenContext {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly coverage: Coverage;
  readonly saw: readonly string[];
}

export class History {
  readonly #writes = new Map<string, WriteOperation>();
  readonly #byKey = new Map<string, WriteOperation[]>();
  readonly #contexts: GivenContext[] = [];
  reads = 0;
  /** Reads that showed less than their client had been shown before. */
  staleReads = 0;
  acknowledged = 0;

  wrote(operation: WriteOperation): void {
    this.#writes.set(operation.id, operation);
    const ofKey = this.#byKey.get(operation.key);
    if (ofKey === undefined) this.#byKey.set(operation.key, [operation]);
    else ofKey.push(operation);
  }

  write(id: string): WriteOperation | undefined {
    return this.#writes.get(id);
  }

  writesOf(key: string): readonly WriteOperation[] {
    return this.#byKey.get(key) ?? [];
  }

  get writeCount(): number {
    return this.#writes.size;
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  gave(context: GivenContext): void {
    this.#contexts.push(context);
  }

  contextsOf(key: string): readonly GivenContext[] {
    return this.#contexts.filter((context) => context.key === key);
  }
}
