import { expect } from "chai";
import { AnswerParser, type SeenAnswer } from "../../../../bench/overload/answer-parser.ts";

const STREAM =
  "HTTP/1.1 204 No Content\r\nX-Dynamo-Context: abc\r\n\r\n" +
  "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 12\r\nRetry-After: 2\r\n\r\n{\r\n\r\n234567}" +
  "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nConnection: close\r\n\r\nabc";

const SEEN: SeenAnswer[] = [
  { status: 204, retryAfter: false, closes: false },
  { status: 503, retryAfter: true, closes: false },
  { status: 200, retryAfter: false, closes: true },
];

function parse(pieces: readonly Buffer[]): SeenAnswer[] {
  const seen: SeenAnswer[] = [];
  const parser = new AnswerParser((answer) => seen.push(answer));
  for (const piece of pieces) {
    parser.push(piece);
    piece.fill(0);
  }
  return seen;
}

describe("answer parser", () => {
  it("sees the same answers wherever the stream is cut, also where the buffer is used again", () => {
    for (const length of [1, 2, 3, 7, 50, 1_000]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < STREAM.length; at += length)
        pieces.push(Buffer.from(STREAM.slice(at, at + length), "latin1"));
      expect(parse(pieces), `pieces of ${length}`).to.deep.equal(SEEN);
    }
  });

  it("tells of an answer only when its body is whole", () => {
    expect(parse([Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab")])).to.deep.equal([]);
  });

  it("refuses what no node sends", () => {
    expect(() => parse([Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")])).to.throw(
      /chunks/,
    );
    expect(() => parse([Buffer.from("SMTP ready\r\n\r\n")])).to.throw(/not an HTTP/);
  });
});
