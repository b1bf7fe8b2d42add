export type PeerLogLevel = "debug" | "info" | "warn" | "error";

/** `event` is a constant, snake_case, past tense. */
export type PeerLogger = (event: string, fields: Record<string, unknown>, level: PeerLogLevel) => void;

const KEYS_MAX = 1_000;
const REPEAT_MS = 30_000;

/**
 * A log that says the same thing about the same peer once in 30 s: a peer with a wrong secret comes back every few
 * seconds, a port scanner a thousand times.
 */
export class PeerLog {
  readonly #write: PeerLogger;
  readonly #lastMs = new Map<string, number>();

  constructor(write: PeerLogger) {
    this.#write = write;
  }

  say(event: string, fields: Record<string, unknown>, level: PeerLogLevel): void {
    this.#write(event, fields, level);
  }

  /** Once per event, `about` and 30 s. */
  sayRarely(event: string, about: string, fields: Record<string, unknown>, level: PeerLogLevel): void {
    const key = `${event} ${about}`;
    const nowMs = performance.now();
    const lastMs = this.#lastMs.get(key);
    if (lastMs !== undefined && nowMs - lastMs < REPEAT_MS) return;
    if (this.#lastMs.size >= KEYS_MAX) this.#lastMs.clear();
    this.#lastMs.set(key, nowMs);
    this.#write(event, fields, level);
  }
}
