import { parseBoundedJson } from "../bytes/bounded-json.ts";
import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { PeerCalls } from "./peer-calls.ts";

/**
 * Ring and membership messages: JSON documents with a `type`, rare and small, on the lane that never waits behind
 * data. Unknown fields are ignored, so that a newer peer can say more. Each request says when it was sent, which lets
 * the receiver tell how late others are (message-ages.ts).
 */
export class ControlChannel implements ControlCalls {
  readonly #calls: PeerCalls;
  readonly #clock: Clock;

  constructor(calls: PeerCalls, clock: Clock) {
    this.#calls = calls;
    this.#clock = clock;
  }

  async call(to: NodeId, message: ControlMessage, timeoutMs: number): Promise<ControlMessage | undefined> {
    const stamped = { ...message, [SENT_AT_FIELD]: this.#clock.monotonicMs() };
    const request = { kind: "control", body: encodeControl(stamped) } as const;
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

/** On the sender's monotonic clock; undefined where the message does not say. */
export function sentAtMsOf(message: ControlMessage): number | undefined {
  const sentAtMs = message[SENT_AT_FIELD];
  return typeof sentAtMs === "number" && Number.isFinite(sentAtMs) ? sentAtMs : undefined;
}

export function encodeControl(message: ControlMessage): Uint8Array {
  return utf8.encode(JSON.stringify(message));
}

/** Throws MalformedBytes unless the bytes are a JSON object with a textual `type`. */
export function decodeControl(bytes: Uint8Array): ControlMessage {
  const parsed = parseBoundedJson(bytes);
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

const SENT_AT_FIELD = "sentAtMs";
const utf8 = new TextEncoder();
