/**
 * What happened, as a running 64-bit hash and, where somebody listens, as lines. Two runs of one seed must end with
 * the same hash: that is the proof that nothing outside the simulation decided anything.
 */
export class Trace {
  #low = 0x811c9dc5;
  #high = 0x01000193;
  readonly #listener: ((line: string) => void) | undefined;

  constructor(listener?: (line: string) => void) {
    this.#listener = listener;
  }

  line(nowMs: number, text: string): void {
    this.#absorb(Math.round(nowMs * 1_000));
    for (let i = 0; i < text.length; i++) this.#absorb(text.charCodeAt(i));
    this.#listener?.(`${nowMs.toFixed(3).padStart(12)} ${text}`);
  }

  bytes(bytes: Uint8Array): void {
    let i = 0;
    for (; i + 4 <= bytes.length; i += 4)
      this.#absorb(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    for (; i < bytes.length; i++) this.#absorb(bytes[i]!);
  }

  hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  #absorb(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(this.#high ^ (this.#low >>> 15) ^ value, 0x85ebca6b);
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
