import { decodeUtf8, MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { PeerCalls } from "./peer-calls.ts";

/**
 * Ring and membership messages: JSON documents with a `type`, rare and small, on the lane that never waits behind
 * data. Unknown fields are ignored, so that a newer peer can say more.
 */
export class ControlChannel implements ControlCalls {
  readonly #calls: PeerCalls;

  constructor(calls: PeerCalls) {
    this.#calls = calls;
  }

  async call(to: NodeId, message: ControlMessage, timeoutMs: number): Promise<ControlMessage | undefined> {
    const request = { kind: "control", body: encodeControl(message) } as const;
    const answer = await this.#calls.call(to, request, { timeoutMs, lane: "control" });
    if (answer.status !== "answered") return undefined;
    try {
      return decodeControl(answer.body);
    } catch (error) {
      if (error instanceof MalformedBytes) return undefined;
      throw error;
    }
  }
}

export function encodeControl(message: ControlMessage): Uint8Array {
  return utf8.encode(JSON.stringify(message));
}

/** Throws MalformedBytes unless the bytes are a JSON object with a textual `type`. */
export function decodeControl(bytes: Uint8Array): ControlMessage {
  let parsed: unknown;
  try {
    parsed = JSON.parse(decodeUtf8(bytes));
  } catch (error) {
    throw new MalformedBytes(`control message is not JSON: ${error instanceof Error ? error.message : "?"}`);
  }
  if (
    typeof parsed !== "object" ||
    parsed === null ||
    !("type" in parsed) ||
    typeof parsed.type !== "string"
  ) {
    throw new MalformedBytes("control message has no type");
  }
  return parsed as ControlMessage;
}

const utf8 = new TextEncoder();
