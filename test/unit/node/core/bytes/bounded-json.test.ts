import { expect } from "chai";
import { JSON_DEPTH_MAX, parseBoundedJson } from "../../../../../node/core/bytes/bounded-json.ts";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";

const parse = (text: string): unknown => parseBoundedJson(new TextEncoder().encode(text));

describe("bounded JSON", () => {
  it("parses what JSON.parse does", () => {
    for (const text of ['{"a":[1,{"b":null}],"c":"[[[{\\"[\\\\"}', '"\\\\"', "[]", "7"])
      expect(parse(text), text).to.deep.equal(JSON.parse(text));
  });

  it("refuses what is nested deeper than any recursion can follow", () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ]) {
      const nested = (depth: number): string => `${open!.repeat(depth)}1${close!.repeat(depth)}`;
      expect(() => parse(nested(JSON_DEPTH_MAX))).to.not.throw();
      expect(() => parse(nested(JSON_DEPTH_MAX + 1))).to.throw(MalformedBytes, "nested");
      expect(() => parse(nested(1_000_000))).to.throw(MalformedBytes, "nested");
    }
  });

  it("does not count brackets within strings", () => {
    expect(parse(`["${"[".repeat(1_000)}\\"${"{".repeat(1_000)}"]`)).to.have.length(1);
  });

  it("refuses what is no JSON, or no UTF-8", () => {
    expect(() => parse("{")).to.throw(MalformedBytes);
    expect(() => parseBoundedJson(Uint8Array.of(0x22, 0xff, 0x22))).to.throw(MalformedBytes);
  });
});
