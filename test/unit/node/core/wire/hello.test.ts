import { expect } from "chai";
import fc from "fast-check";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { parseNodeId } from "../../../../../node/core/node-id.ts";
import { decodeHello, encodeHello, type Hello } from "../../../../../node/core/wire/hello.ts";
import { bytesOf, goldenFiles } from "../version/golden-files.ts";

type HelloMeaning = Omit<Hello, "nonce"> & { about: string; nonce: string; exact: boolean };

const HELLO: Hello = {
  protocolMin: 1,
  protocolMax: 3,
  features: 0x80000001,
  clusterId: "cluster-one",
  nodeId: parseNodeId("00000000-0000-4000-8000-000000000001"),
  incarnation: "0123456789abcdef",
  zone: "zone-ä",
  address: "10.0.0.1:7081",
  clientAddress: "10.0.0.1:8081",
  version: "0.1.0",
  authMethod: "hmac-sha256",
  nonce: new Uint8Array(32).fill(5),
  lane: "bulk",
  messageBytesMax: 0xffffffff,
};

describe("hello", () => {
  it("comes back as it was sent", () => {
    expect(decodeHello(encodeHello(HELLO))).to.deep.equal(HELLO);
  });

  it("is refused when it is cut anywhere, for then a field is missing or short", () => {
    const bytes = encodeHello(HELLO);
    const lastFieldBytes = 3 + HELLO.clientAddress.length;
    for (let end = 0; end < bytes.length; end++) {
      if (end === bytes.length - lastFieldBytes) continue;
      expect(() => decodeHello(bytes.subarray(0, end)), String(end)).to.throw(MalformedBytes);
    }
  });

  it("never makes the reader fail in another way than MalformedBytes, whatever a stranger sends", () => {
    const sound = encodeHello(HELLO);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const bytes = sound.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        try {
          decodeHello(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedBytes);
        }
      }),
    );
  });

  it("skips fields that it does not know", () => {
    const bytes = Buffer.concat([Buffer.from("c80003aabbcc", "hex"), encodeHello(HELLO)]);
    expect(decodeHello(bytes)).to.deep.equal(HELLO);
  });

  it("is refused with a field twice, too long a text, too short a nonce, or an id that is none", () => {
    const bytes = encodeHello(HELLO);
    expect(() => decodeHello(Buffer.concat([bytes, bytes]))).to.throw("hello field 1 twice");
    expect(() => decodeHello(Buffer.alloc(4_097))).to.throw("hello of 4097 bytes");
    expect(() => decodeHello(encodeHello({ ...HELLO, nonce: new Uint8Array(15) }))).to.throw(
      "nonce of 15 bytes",
    );
    expect(() => decodeHello(encodeHello({ ...HELLO, nodeId: "x" as Hello["nodeId"] }))).to.throw(
      "not a UUID",
    );
    expect(() => decodeHello(encodeHello({ ...HELLO, protocolMin: 4 }))).to.throw("upside down");
    const rest = encodeHello({ ...HELLO, zone: "" });
    const at = Buffer.from(rest).indexOf(Buffer.from("060000", "hex"));
    const long = [
      rest.subarray(0, at),
      Buffer.from("060201", "hex"),
      Buffer.alloc(513),
      rest.subarray(at + 3),
    ];
    expect(() => decodeHello(Buffer.concat(long))).to.throw("hello field 6 of 513 bytes");
  });

  it("does not encode a configuration that no peer would accept", () => {
    expect(() => encodeHello({ ...HELLO, zone: "z".repeat(513) })).to.throw(RangeError);
  });

  for (const { name, bytes, meaning } of goldenFiles<HelloMeaning>("hello")) {
    const { about, exact, ...fields } = meaning;
    it(`reads ${name}: ${about}`, () => {
      const hello: Hello = { ...fields, nonce: bytesOf(meaning.nonce) };
      expect(decodeHello(bytes)).to.deep.equal(hello);
      if (exact)
        expect(Buffer.from(encodeHello(hello)).toString("hex")).to.equal(Buffer.from(bytes).toString("hex"));
    });
  }
});
