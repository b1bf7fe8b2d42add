import type { Lane } from "../../../../../node/core/ports/transport.ts";
import type { FrameSink } from "../../../../../node/core/wire/frame-reader.ts";

/** Writes down what a frame reader found. */
export class RecordingSink implements FrameSink {
  readonly messages: { readonly lane: Lane; readonly bytes: Uint8Array }[] = [];
  onMessage: () => void = () => {};
  readonly #said: string[] = [];

  /** In order: `<lane> hex:…`, `ping hex:…`, `pong hex:…`, `closing <reason>`, `cluster <id>`; long bytes as a length. */
  said(): string[] {
    return this.#said;
  }

  message(lane: Lane, bytes: Uint8Array): void {
    this.messages.push({ lane, bytes });
    this.#said.push(`${lane} ${shown(bytes)}`);
    this.onMessage();
  }

  ping(token: Uint8Array): void {
    this.#said.push(`ping ${shown(token)}`);
  }

  pong(token: Uint8Array): void {
    this.#said.push(`pong ${shown(token)}`);
  }

  closing(reason: string): void {
    this.#said.push(`closing ${reason}`);
  }

  cluster(clusterId: string): void {
    this.#said.push(`cluster ${clusterId}`);
  }
}

function shown(bytes: Uint8Array): string {
  if (bytes.length <= 64) return `hex:${Buffer.from(bytes).toString("hex")}`;
  let sum = 0;
  for (const byte of bytes) sum = (sum * 31 + byte) >>> 0;
  return `${bytes.length} bytes, sum ${sum}`;
}
