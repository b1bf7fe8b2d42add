import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { MessagePipe } from "../core/ports/message-pipe.ts";

/**
 * A MessagePipe over a message port. Bytes are transferred, not cloned. One wake-up lets in everything that has
 * arrived, then calls `onDrained`: this is where the writer cuts its batches.
 */
export class PortPipe implements MessagePipe {
  readonly #port: MessagePort;
  readonly #onDrained: (() => void) | undefined;
  #handler: ((message: Uint8Array) => void) | undefined;

  constructor(port: MessagePort, onDrained?: () => void) {
    this.#port = port;
    this.#onDrained = onDrained;
  }

  /** `message` must own its whole buffer: a view of a pooled or shared one cannot be given away. */
  post(message: Uint8Array): void {
    this.#port.postMessage(message, [message.buffer as ArrayBuffer]);
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handler = handler;
    this.#port.on("message", (message: Uint8Array) => {
      handler(message);
      this.drain();
      this.#onDrained?.();
    });
  }

  /** Handles everything that has arrived, without going back to the event loop. */
  drain(): void {
    for (
      let next = receiveMessageOnPort(this.#port);
      next !== undefined;
      next = receiveMessageOnPort(this.#port)
    ) {
      this.#handler?.(next.message as Uint8Array);
    }
  }
}
