import { expect } from "chai";
import { DynamoError } from "../../../client/dynamo-error.ts";
import { EndpointPool, parseEndpoint } from "../../../client/endpoint-pool.ts";

describe("EndpointPool", () => {
  const [a, b, c] = ["http://a:1", "http://b:1", "http://c:1"];

  it("takes the endpoints in turn", () => {
    const pool = new EndpointPool([a, b, c], 0);
    expect([0, 1, 2, 3].map(() => pool.pick([], [], 0))).to.deep.equal([a, b, c, a]);
  });

  it("takes a preferred endpoint first, and another one for the retry", () => {
    const pool = new EndpointPool([a, b], 0);
    expect(pool.pick(["http://owner:1"], [], 0)).to.equal("http://owner:1");
    expect(pool.pick(["http://owner:1"], ["http://owner:1"], 0)).to.be.oneOf([a, b]);
  });

  it("lets a silent endpoint rest, then sends one probe before the others follow", () => {
    const pool = new EndpointPool([a, b], 0);
    pool.silent(a, 1_000);
    expect([1, 2, 3].map(() => pool.pick([], [], 1_100))).to.deep.equal([b, b, b]);
    const later = [1, 2, 3, 4].map(() => pool.pick([], [], 1_300));
    expect(later.filter((endpoint) => endpoint === a)).to.have.length(1);
    pool.answered(a);
    expect([1, 2].map(() => pool.pick([], [], 1_301)).sort()).to.deep.equal([a, b]);
  });

  it("rests longer with each failure in a row, at most ten seconds", () => {
    const pool = new EndpointPool([a, b], 0);
    for (let i = 0; i < 20; i++) pool.silent(a, 0);
    const picks = (nowMs: number): string[] => [1, 2].map(() => pool.pick([], [], nowMs));
    expect(picks(9_999)).to.deep.equal([b, b]);
    expect(picks(10_000)).to.include(a);
  });

  it("asks a resting endpoint rather than nobody, and the one asked longest ago when all were asked", () => {
    const pool = new EndpointPool([a, b], 0);
    pool.silent(a, 0);
    pool.silent(b, 0);
    expect(pool.pick([], [], 1)).to.be.oneOf([a, b]);
    expect(pool.pick([], [b, a], 1)).to.equal(b);
  });

  it("understands host:port and refuses what is no endpoint", () => {
    expect(parseEndpoint("10.0.0.1:8080")).to.equal("http://10.0.0.1:8080");
    expect(parseEndpoint("https://store.example/")).to.equal("https://store.example");
    for (const text of ["", "ftp://a", "http://a/path", "http://a?x", "http://u:p@a", "http://"]) {
      expect(() => parseEndpoint(text), text).to.throw(DynamoError, /write it as/);
    }
    expect(() => new EndpointPool([], 0)).to.throw(DynamoError, /at least one/);
  });
});
