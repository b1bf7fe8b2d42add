import type { MessagePipe } from "../../../../../node/core/ports/message-pipe.ts";

/** Two ends of a pipe in one thread. Messages wait until `deliver` hands them over, in order. */
export class PipePair {
  readonly near: QueueEnd;
  readonly far: QueueEnd;

  constructor() {
    this.near = new QueueEnd();
    this.far = new QueueEnd();
    this.near.other = this.far;
    this.far.other = this.near;
  }
}

export class QueueEnd implements MessagePipe {
  other: QueueEnd | undefined;
  readonly waiting: Uint8Array[] = [];
  #handler: ((message: Uint8Array) => void) | undefined;

  post(message: Uint8Array): void {
    // A transferred message is a buffer of its own on the other side.
    this.other!.waiting.push(message.slice());
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    this.#handler = handler;
  }

  /** Hands over everything that waits at this end; the number of messages. */
  deliver(): number {
    const messages = this.waiting.splice(0);
    for (const message of messages) this.#handler!(message);
    return messages.length;
  }
}
