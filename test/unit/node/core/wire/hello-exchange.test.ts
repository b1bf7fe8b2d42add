import { expect } from "chai";
import { createHmac } from "node:crypto";
import { parseNodeId } from "../../../../../node/core/node-id.ts";
import { encodeHello, type Hello } from "../../../../../node/core/wire/hello.ts";
import * as exchange from "../../../../../node/core/wire/hello-exchange.ts";
import { bytesOf, goldenFiles } from "../version/golden-files.ts";

interface HandshakeMeaning {
  readonly about: string;
  readonly key: string;
  readonly keyId: number;
  readonly dialerHello: string;
  readonly listenerHello: string;
}

const ONE: Hello = {
  protocolMin: 1,
  protocolMax: 1,
  features: 0,
  clusterId: "",
  nodeId: parseNodeId("00000000-0000-4000-8000-000000000001"),
  incarnation: "one",
  zone: "",
  address: "",
  clientAddress: "",
  version: "",
  authMethod: "hmac-sha256",
  nonce: new Uint8Array(16),
  lane: "foreground",
  messageBytesMax: 1_000,
};
const TWO: Hello = {
  ...ONE,
  nodeId: parseNodeId("00000000-0000-4000-8000-000000000002"),
  incarnation: "two",
};

describe("hello exchange", () => {
  it("begins each message with a byte that TLS never begins with", () => {
    for (const message of [exchange.helloMessage(encodeHello(ONE)), exchange.acceptMessage()]) {
      expect([...message.subarray(0, 3)]).to.deep.equal([0xdb, 0x44, 0x4b]);
    }
  });

  it("reads messages cut anywhere and leaves what follows", () => {
    const stream = Buffer.concat([
      exchange.helloMessage(encodeHello(ONE)),
      exchange.proofMessage(7, new Uint8Array(32).fill(9)),
      exchange.refusalMessage({ code: "busy", reason: "später" }),
      exchange.acceptMessage(),
      Buffer.from("frames"),
    ]);
    for (const step of [1, 7, 100, stream.length]) {
      const reader = new exchange.HandshakeReader();
      const messages: exchange.HandshakeMessage[] = [];
      let at = 0;
      while (messages.length < 4) {
        reader.push(stream.subarray(at, at + step));
        at += step;
        while (messages.length < 4) {
          const message = reader.next();
          if (message === undefined) break;
          messages.push(message);
        }
      }
      expect(messages.map((message) => message.kind)).to.deep.equal(["hello", "proof", "refusal", "accept"]);
      expect(messages[0]).to.deep.include({ hello: ONE });
      expect(messages[2]).to.deep.equal({ kind: "refusal", refusal: { code: "busy", reason: "später" } });
      reader.push(stream.subarray(Math.min(at, stream.length)));
      expect(Buffer.from(reader.rest).toString()).to.equal("frames");
    }
  });

  it("knows at the first byte that somebody speaks something else", () => {
    for (const [hex, complaint] of [
      ["16", "TLS bytes"],
      ["47", "not a DynamoKV peer"],
      ["db444b581111", "handshake message of 4369 bytes"],
      ["db444b580000", "unknown handshake message 0x58"],
      ["db444b500001ff", "proof of 1 bytes"],
    ] as const) {
      const reader = new exchange.HandshakeReader();
      reader.push(Buffer.from(hex, "hex"));
      expect(() => reader.next(), hex).to.throw(complaint);
    }
  });

  it("takes a refusal for a reason that it does not know yet", () => {
    const reader = new exchange.HandshakeReader();
    reader.push(exchange.refusalMessage({ code: "weather" as exchange.RefusalCode, reason: "rain" }));
    expect(reader.next()).to.deep.equal({ kind: "refusal", refusal: { code: "other", reason: "rain" } });
  });

  it("lets two nodes talk unless they must not", () => {
    const code = (mine: Partial<Hello>, theirs: Partial<Hello>): string | undefined =>
      exchange.mismatch({ ...ONE, ...mine }, { ...TWO, ...theirs })?.code;
    expect(code({}, {})).to.equal(undefined);
    expect(code({ protocolMax: 4 }, { protocolMin: 4, protocolMax: 9 })).to.equal(undefined);
    expect(code({ protocolMax: 3 }, { protocolMin: 4, protocolMax: 9 })).to.equal("protocol");
    expect(code({ protocolMin: 4, protocolMax: 9 }, { protocolMax: 3 })).to.equal("protocol");
    expect(code({ clusterId: "a" }, { clusterId: "a" })).to.equal(undefined);
    expect(code({ clusterId: "a" }, { clusterId: "" })).to.equal(undefined);
    expect(code({ clusterId: "a" }, { clusterId: "b" })).to.equal("cluster");
    expect(code({}, { authMethod: "tls" })).to.equal("auth_method");
    expect(code({}, { nodeId: ONE.nodeId, incarnation: "one" })).to.equal("self");
    expect(code({}, { nodeId: ONE.nodeId })).to.equal("duplicate_identity");
    expect(code({}, { zone: "z", version: "9", features: 5 })).to.equal(undefined);
  });

  it("proves something else in each direction and for each pair of hellos", () => {
    const a = Uint8Array.of(1);
    const b = Uint8Array.of(2);
    const inputs = [
      exchange.proofInput("dialer", a, b),
      exchange.proofInput("listener", a, b),
      exchange.proofInput("dialer", b, a),
      exchange.proofInput("dialer", Uint8Array.of(1, 1, 2), new Uint8Array(0)),
    ];
    expect(new Set(inputs.map((input) => Buffer.from(input).toString("hex"))).size).to.equal(4);
  });

  for (const { name, bytes, meaning } of goldenFiles<HandshakeMeaning>("handshake")) {
    it(`speaks ${name}: ${meaning.about}`, () => {
      const [dialer, listener] = [bytesOf(meaning.dialerHello), bytesOf(meaning.listenerHello)];
      const proof = (prover: exchange.HandshakeRole): Uint8Array => {
        const mac = createHmac("sha256", bytesOf(meaning.key)).update(
          exchange.proofInput(prover, dialer, listener),
        );
        return exchange.proofMessage(meaning.keyId, mac.digest());
      };
      const spoken = Buffer.concat([
        exchange.helloMessage(dialer),
        exchange.helloMessage(listener),
        proof("listener"),
        proof("dialer"),
        exchange.acceptMessage(),
      ]);
      expect(spoken.toString("hex")).to.equal(Buffer.from(bytes).toString("hex"));
    });
  }
});
