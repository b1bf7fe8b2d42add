import { expect } from "chai";
import { formatPeerAddress, isWildcard, parsePeerAddress } from "../../../../node/adapters/peer-address.ts";

describe("peer address", () => {
  it("is host:port, an IPv6 host in brackets, and written as it was read", () => {
    for (const text of ["10.0.0.1:7081", "node-0.nodes.default.svc:1", "[fd00::2]:65535"]) {
      expect(formatPeerAddress(parsePeerAddress(text)!)).to.equal(text);
    }
    expect(parsePeerAddress("[::1]:7")).to.deep.equal({ host: "::1", port: 7 });
  });

  it("is nothing else", () => {
    for (const text of [
      "",
      "host",
      ":1",
      "host:",
      "host:0",
      "host:65536",
      "::1:7",
      "[host]:1",
      "a b:1",
      "http://a:1",
    ]) {
      expect(parsePeerAddress(text), text).to.equal(undefined);
    }
  });

  it("cannot be dialled where it means every interface", () => {
    expect(["0.0.0.0", "::", "127.0.0.1"].map(isWildcard)).to.deep.equal([true, true, false]);
  });
});
