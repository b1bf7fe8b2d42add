import { KIND, kindOf } from "../../../node/core/wire/messages.ts";
import { decodeMessage } from "../../../node/core/wire/messages.ts";
import { type Coverage, covers } from "../../../node/core/version/coverage.ts";
import type { ActorId, Dot } from "../../../node/core/version/dot.ts";
import type { KeyRecord, Sibling } from "../../../node/core/version/record.ts";
import { decodeRecord } from "../../../node/core/version/record-codec.ts";
import type { Violation } from "../violation.ts";

/** A dot as somebody stored or sent it. */
export interface KnownDot {
  readonly dot: Dot;
  /** The request id of the write. */
  readonly writeId: string;
  readonly tombstone: boolean;
  readonly fingerprint: string;
  readonly firstSeenMs: number;
}

/**
 * Every dot that any node ever wrote to a transaction (committed or not) or sent to a peer, of the whole cluster: an
 * all-seeing register that no real node could have. A dot that names two values is the beginning of every lost write.
 */
export class DotRegistry {
  readonly #dots = new Map<string, Map<string, KnownDot>>();
  readonly #ofWrite = new Map<string, KnownDot[]>();
  readonly #report: (violation: Omit<Violation, "atMs">) => void;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number, report: (violation: Omit<Violation, "atMs">) => void) {
    this.#nowMs = nowMs;
    this.#report = report;
  }

  stored(record: KeyRecord): void {
    this.#learn(record);
  }

  sent(message: Uint8Array): void {
    if (kindOf(message) !== KIND.replicate) return;
    const decoded = decodeMessage(message);
    if (decoded.kind !== "request" || decoded.request.kind !== "replicate") return;
    this.#learn(decodeRecord(decoded.request.body.record));
  }

  /** The dots that were minted for one write: several where a client tried again. */
  dotsOf(writeId: string): readonly KnownDot[] {
    return this.#ofWrite.get(writeId) ?? [];
  }

  all(key: string): KnownDot[] {
    return [...(this.#dots.get(key)?.values() ?? [])];
  }

  covered(key: string, coverage: Coverage): KnownDot[] {
    return this.all(key).filter(({ dot }) => covers(coverage, dot));
  }

  /** Dots of a coverage that nobody ever minted for this key. */
  inventedBy(key: string, coverage: Coverage): string[] {
    const known = this.#dots.get(key);
    const invented: string[] = [];
    const check = (actor: ActorId, n: number): void => {
      const name = nameOf({ actor, n });
      if (known?.has(name) !== true) invented.push(name);
    };
    for (const [actor, top] of coverage.vector) for (let n = 1; n <= top; n++) check(actor, n);
    for (const [actor, counters] of coverage.loose) for (const n of counters) check(actor, n);
    return invented;
  }

  #learn(record: KeyRecord): void {
    const key = keyText(record.key);
    let dots = this.#dots.get(key);
    if (dots === undefined) this.#dots.set(key, (dots = new Map()));
    for (const sibling of record.siblings) {
      const name = nameOf(sibling.dot);
      const fingerprint = fingerprintOf(sibling);
      const known = dots.get(name);
      if (known === undefined) {
        const { dot, tombstone, requestId: writeId } = sibling;
        const learnt = { dot, writeId, tombstone, fingerprint, firstSeenMs: this.#nowMs() };
        dots.set(name, learnt);
        const ofWrite = this.#ofWrite.get(writeId);
        if (ofWrite === undefined) this.#ofWrite.set(writeId, [learnt]);
        else ofWrite.push(learnt);
      } else if (known.fingerprint !== fingerprint) {
        const detail = `${key}: dot ${name} names ${known.fingerprint} and ${fingerprint}`;
        this.#report({ kind: "dot_reused", detail });
      }
    }
  }
}

export function nameOf(dot: Dot): string {
  return `${dot.actor}:${dot.n}`;
}

const utf8 = new TextDecoder();

export function keyText(key: Uint8Array): string {
  return utf8.decode(key);
}

/** Request id and modified time are part of what a dot names: a second coordination may repeat neither. */
function fingerprintOf({ requestId, tombstone, value, modifiedMs }: Sibling): string {
  return `${requestId}${tombstone ? " (deleted)" : ""} ${value.length} bytes at ${modifiedMs}`;
}
