import { expect } from "chai";
import fc from "fast-check";
import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { plainRequest } from "../../../../node/http/plain-request.ts";
import { RawConnection } from "./raw-http.ts";

const parse = (text: string) => plainRequest(Buffer.from(text, "latin1"));
const GET = "GET /v1/kv/b/k?r=1 HTTP/1.1\r\nHost: node\r\n";
const PUT = "PUT /v1/kv/b/k HTTP/1.1\r\nHost: node\r\n";

describe("plain request", () => {
  it("is a whole GET without a body or a whole PUT with one", () => {
    expect(parse(`${GET}X-Dynamo-Request-Id: r1\r\n\r\n`)).to.deep.equal({
      method: "GET",
      target: "/v1/kv/b/k?r=1",
      requestId: "r1",
      headerLines: 2,
    });
    expect(parse(`${PUT}content-length: 3\r\n\r\nabc`)).to.include({ method: "PUT", headerLines: 2 });
    expect(parse(`${PUT}Content-Length:0\r\n\r\n`)).to.include({ method: "PUT", requestId: undefined });
  });

  it("is nothing that is cut, too long, or unusual in any way", () => {
    const unusual = [
      "",
      "\r\n\r\n",
      GET,
      `${GET}\r\nG`,
      `${PUT}Content-Length: 3\r\n\r\nab`,
      `${PUT}Content-Length: 3\r\n\r\nabcd`,
      `${PUT}\r\n`,
      `${GET}Content-Length: 0\r\n\r\n`,
      `${PUT}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
      `${PUT}Content-Length: +3\r\n\r\nabc`,
      `${PUT}Content-Length: 3, 3\r\n\r\nabc`,
      `${PUT}Content-Length : 3\r\n\r\nabc`,
      `${PUT}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc`,
      `${PUT}Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc`,
      `${GET}Connection: close\r\n\r\n`,
      `${GET}Upgrade: h2c\r\n\r\n`,
      `${GET}X-A: b\r\n folded\r\n\r\n`,
      `${GET}X-A: b\nX-B: c\r\n\r\n`,
      `${GET}X-A: \0\r\n\r\n`,
      `${GET}X-A: \xe4\r\n\r\n`,
      `${GET}X-Dynamo-Request-Id: a b\r\n\r\n`,
      `${GET}X-Dynamo-Request-Id: a\r\nX-Dynamo-Request-Id: b\r\n\r\n`,
      "GET /v1/kv/b/k HTTP/1.1\r\nX-Host: node\r\n\r\n",
      "GET /v1/kv/b/k HTTP/1.0\r\nHost: node\r\n\r\n",
      "GET /v1/ring HTTP/1.1\r\nHost: node\r\n\r\n",
      "GET http://node/v1/kv/b/k HTTP/1.1\r\nHost: node\r\n\r\n",
      "DELETE /v1/kv/b/k HTTP/1.1\r\nHost: node\r\n\r\n",
      `${PUT}Content-Length: 70000\r\n\r\n${"x".repeat(70_000)}`,
    ];
    for (const text of unusual) expect(parse(text), JSON.stringify(text.slice(0, 120))).to.equal(undefined);
  });

  it("is never anything but what Node's parser finds, whole and alone", async function () {
    this.timeout(20_000);
    const found: IncomingMessage[] = [];
    const server = http.createServer((request, response) => {
      found.push(request);
      request.resume();
      request.on("end", () => response.end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const piece = fc.constantFrom(
      "GET ",
      "PUT ",
      "/v1/kv/b/k",
      " HTTP/1.1\r\n",
      "Host: n\r\n",
      "Content-Length: ",
      "0\r\n",
      "3\r\n",
      "\r\n",
      "abc",
      "x-a:\r\n",
      "\n",
      ": ",
      "\t",
    );
    const head = fc.constantFrom(GET, PUT, `${PUT}Content-Length: 3\r\n`, "");
    const tail = fc.constantFrom("", "\r\n", "\r\nabc");
    const text = fc
      .tuple(head, fc.array(piece, { maxLength: 3 }), tail)
      .map(([start, rest, end]) => start + rest.join("") + end);
    let plain = 0;
    try {
      await fc.assert(
        fc.asyncProperty(text, async (sent) => {
          const request = parse(sent);
          if (request === undefined) return;
          plain += 1;
          found.length = 0;
          const connection = new RawConnection({ host: "127.0.0.1", port });
          connection.write(sent);
          expect((await connection.answer()).status).to.equal(200);
          connection.destroy();
          expect(found.length).to.equal(1);
          const { method, url, complete, rawHeaders } = found[0]!;
          expect([method, url, complete]).to.deep.equal([request.method, request.target, true]);
          expect(rawHeaders.length).to.equal(2 * request.headerLines);
        }),
        { numRuns: 5_000 },
      );
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(plain).to.be.above(50);
  });
});
