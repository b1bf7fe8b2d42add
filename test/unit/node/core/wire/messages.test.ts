import { expect } from "chai";
import fc from "fast-check";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { type NodeId, parseNodeId } from "../../../../../node/core/node-id.ts";
import {
  decodeMessage,
  encodeReply,
  encodeRequest,
  KIND,
  kindOf,
  type PeerMessage,
  type PeerRequest,
} from "../../../../../node/core/wire/messages.ts";
import { FORMED, type RingNumber } from "../../../../../node/core/ring/ring-number.ts";
import { bytesOf, goldenFiles } from "../version/golden-files.ts";

interface MessageMeaning {
  readonly about: string;
  readonly kind: PeerRequest["kind"] | "reply";
  readonly call: number;
  readonly remainingMs: number;
  /** From version 2 on. */
  readonly planned?: RingNumber;
  readonly body: string | Readonly<Record<string, string | string[]>>;
}

describe("peer messages", () => {
  it("keeps a time that is left whole and never below zero", () => {
    const remaining = (ms: number): number => {
      const message = decodeMessage(
        encodeRequest(1, ms, { kind: "forward", body: Uint8Array.of(1), planned: FORMED }),
      );
      return message.kind === "request" ? message.remainingMs : NaN;
    };
    expect([remaining(1.9), remaining(-5), remaining(60_000)]).to.deep.equal([1, 0, 60_000]);
  });

  it("have one kind, by whatever ring they are planned", () => {
    const forwarded = (planned: RingNumber): number =>
      kindOf(encodeRequest(1, 100, { kind: "forward", body: Uint8Array.of(1), planned }));
    expect([forwarded(FORMED), forwarded({ generation: 1, epoch: 2 })]).to.deep.equal([
      KIND.forward,
      KIND.forward,
    ]);
    expect(kindOf(encodeReply(1, Uint8Array.of(1)))).to.equal(KIND.reply);
  });

  it("fails as MalformedBytes or decodes, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeMessage(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedBytes);
        }
      }),
    );
  });

  it("refuses a key that no storage thread would take", () => {
    const read = (keyBytes: number) =>
      decodeMessage(
        encodeRequest(1, 100, {
          kind: "read",
          planned: FORMED,
          body: {
            position: new Uint8Array(16),
            bucket: new Uint8Array(1),
            key: new Uint8Array(keyBytes),
            want: "record",
          },
        }),
      );
    expect(read(64 * 1024).kind).to.equal("request");
    expect(() => read(64 * 1024 + 1)).to.throw(MalformedBytes, "a key of 65537 bytes");
  });

  it("say of a record whether it is handed over, beside any number of owners", () => {
    const keptFor = Array.from({ length: 16 }, () => "00000000-0000-4000-8000-00000000000a" as NodeId);
    for (const body of [
      { position: new Uint8Array(16), record: new Uint8Array(1), keptFor, handedOver: true },
      { position: new Uint8Array(16), record: new Uint8Array(1), keptFor: [], handedOver: true },
      { position: new Uint8Array(16), record: new Uint8Array(1), keptFor },
    ] as const) {
      const message = decodeMessage(encodeRequest(1, 100, { kind: "replicate", body, planned: FORMED }));
      expect(message)
        .to.have.property("request")
        .that.deep.equals({ kind: "replicate", body, planned: FORMED });
    }
  });

  it("refuses a hint for what is no node", () => {
    const body = { position: new Uint8Array(16), record: new Uint8Array(1), keptFor: ["nobody" as NodeId] };
    const message = encodeRequest(1, 100, { kind: "replicate", body, planned: FORMED });
    expect(() => decodeMessage(message)).to.throw(MalformedBytes, "no node id");
  });

  it("have a number only where a plan by another ring than the formed one stands behind them", () => {
    const forward = encodeRequest(1, 100, { kind: "forward", body: Uint8Array.of(1), planned: FORMED });
    expect(forward[0], "as in version 1").to.equal(KIND.forward);
    for (const kind of [KIND.reply, KIND.control, KIND.anti_entropy]) {
      const numbered = Uint8Array.of(0x40 | kind, 0, 0, 0, 1, 0, 0, 0, 100, 0, 2, 0);
      expect(() => decodeMessage(numbered)).to.throw(MalformedBytes, "unknown kind");
    }
  });

  for (const { name, bytes, meaning } of goldenFiles<MessageMeaning>("message")) {
    it(`reads and writes ${name}: ${meaning.about}`, () => {
      const message = messageOf(meaning);
      expect(decodeMessage(bytes)).to.deep.equal(message);
      const written =
        message.kind === "reply"
          ? encodeReply(message.call, message.body)
          : encodeRequest(message.call, message.remainingMs, message.request);
      expect(Buffer.from(written).toString("hex")).to.equal(Buffer.from(bytes).toString("hex"));
    });
  }
});

function messageOf({ kind, call, remainingMs, planned = FORMED, body }: MessageMeaning): PeerMessage {
  if (kind === "reply") return { kind, call, body: bytesOf(body as string) };
  return { kind: "request", call, remainingMs, request: requestOf(kind, body, planned) };
}

function requestOf(
  kind: PeerRequest["kind"],
  body: MessageMeaning["body"],
  planned: RingNumber,
): PeerRequest {
  if (typeof body === "string") {
    const bytes = bytesOf(body);
    return kind === "forward"
      ? { kind, body: bytes, planned }
      : { kind: kind as "control" | "anti_entropy", body: bytes };
  }
  const part = (field: string): Uint8Array => bytesOf(body[field] as string);
  if (kind === "replicate") {
    const keptFor = (body["keptFor"] as string[]).map(parseNodeId);
    return { kind, planned, body: { position: part("position"), record: part("record"), keptFor } };
  }
  const want = body["want"] === "digest" ? "digest" : "record";
  return {
    kind: "read",
    planned,
    body: { position: part("position"), bucket: part("bucket"), key: part("key"), want },
  };
}
