import { expect } from "chai";
import type { Refuses, Send } from "./bad-input-catalogue.ts";
import { errorCode, exchange, RawConnection, type RawTarget, request } from "./raw-http.ts";

/** The rows of the catalogue (bad-input-catalogue.ts) about bodies and about where one request ends. */
const VALUE_BYTES_MAX = 1024 * 1024;
const NAME = "/v1/kv/bad-input/";

export function describeBodies(target: () => RawTarget, send: Send, refuses: Refuses): void {
  it("row 8: a body declared too long is 413 at once, before it is sent, and the connection is closed", async () => {
    const connection = new RawConnection(target());
    const startMs = performance.now();
    connection.write(request("PUT", `${NAME}big`, [`Content-Length: ${VALUE_BYTES_MAX + 1}`]));
    const answer = await connection.answer({ withinMs: 2_000 });
    expect([answer.status, errorCode(answer)]).to.deep.equal([413, "value_too_large"]);
    expect(answer.headers.get("connection")).to.equal("close");
    await connection.closed(3_000);
    expect(performance.now() - startMs).to.be.below(4_000);
    await refuses(request("PUT", `${NAME}big`, ["Content-Length: 99999999999999999999"]), 400);
    await refuses(request("PUT", `${NAME}big`, ["Content-Length: 9007199254740993"]), 413, "value_too_large");
  });

  it("row 8: a client that is still sending can read its 413", async () => {
    const connection = new RawConnection(target());
    connection.write(request("PUT", `${NAME}big`, [`Content-Length: ${VALUE_BYTES_MAX * 2}`]));
    connection.write(Buffer.alloc(VALUE_BYTES_MAX / 2));
    expect((await connection.answer()).status).to.equal(413);
    connection.destroy();
  });

  it("row 10: chunks that add up to too much are 413, and nothing is written", async () => {
    const chunk = `10000\r\n${"c".repeat(65_536)}\r\n`;
    const head = request("PUT", `${NAME}chunked-big`, ["Transfer-Encoding: chunked"]);
    await refuses(head + chunk.repeat(17), 413, "value_too_large");
    expect((await send(request("GET", `${NAME}chunked-big`))).status).to.equal(404);
  });

  it("row 12: a PUT needs a length; a length of 0 is an empty value", async () => {
    await refuses(request("PUT", `${NAME}no-length`), 411, "length_required");
    expect((await send(request("GET", `${NAME}no-length`))).status).to.equal(404);
    expect((await send(request("PUT", `${NAME}empty`, ["Content-Length: 0"]))).status).to.equal(204);
    const answer = await send(request("GET", `${NAME}empty`));
    expect(answer.status).to.be.oneOf([200, 300]);
    if (answer.status === 200) expect(answer.headers.get("content-length")).to.equal("0");
    expect(
      (await send(request("PUT", `${NAME}chunked`, ["Transfer-Encoding: chunked"]) + "0\r\n\r\n")).status,
    ).to.equal(204);
  });

  it("row 13: of a body that is cut short nothing is written", async () => {
    for (const ending of ["end", "destroy"] as const) {
      const connection = new RawConnection(target());
      connection.write(request("PUT", `${NAME}cut-${ending}`, ["Content-Length: 100"]) + "only some of it");
      await new Promise((resolve) => connection.socket.once("drain", resolve).once("connect", resolve));
      connection.socket[ending]();
      await connection.closed();
      expect((await send(request("GET", `${NAME}cut-${ending}`))).status).to.equal(404);
      connection.destroy();
    }
    const chunked = new RawConnection(target());
    chunked.write(request("PUT", `${NAME}cut-chunked`, ["Transfer-Encoding: chunked"]) + "5\r\nhello\r\n");
    chunked.socket.end();
    await chunked.closed();
    expect((await send(request("GET", `${NAME}cut-chunked`))).status).to.equal(404);
  });

  it("a body where none belongs is 400", async () => {
    for (const method of ["GET", "HEAD", "DELETE"]) {
      const answer = await send(request(method, `${NAME}k`, [], "body"));
      expect(answer.status).to.equal(400);
    }
    expect((await send(request("DELETE", `${NAME}nothing-here`, ["Content-Length: 0"]))).status).to.equal(
      204,
    );
  });

  it("Expect: 100-continue is answered by 100 only where the body is wanted", async () => {
    const wanted = new RawConnection(target());
    wanted.write(request("PUT", `${NAME}continue`, ["Content-Length: 2", "Expect: 100-continue"]));
    expect((await wanted.answer()).status).to.equal(100);
    wanted.write("ok");
    expect((await wanted.answer()).status).to.equal(204);
    wanted.destroy();
    const big = [`Content-Length: ${VALUE_BYTES_MAX + 1}`, "Expect: 100-continue"];
    await refuses(request("PUT", `${NAME}continue`, big), 413, "value_too_large");
    await refuses(
      request("PUT", `${NAME}continue`, ["Content-Length: 1", "Expect: miracles"]),
      417,
      "expectation_failed",
    );
  });
}

export function describeFraming(target: () => RawTarget, refuses: Refuses): void {
  const closes = async (data: string): Promise<void> => {
    const connection = new RawConnection(target());
    connection.write(data);
    const answer = await connection.answer();
    expect(answer.status, JSON.stringify(data.slice(0, 200))).to.equal(400);
    expect(errorCode(answer)).to.equal("invalid_request");
    await connection.closed(3_000);
    expect(connection.unread, "no second answer to bytes that nobody can frame").to.equal("");
  };

  it("row 14: ambiguous framing is 400 and the connection is closed", async () => {
    const put = (...headers: string[]): string => `${request("PUT", `${NAME}smuggled`, headers)}hello`;
    await closes(put("Content-Length: 5", "Transfer-Encoding: chunked"));
    await closes(put("Content-Length: 5", "Content-Length: 6"));
    await closes(put("Content-Length: 5", "Content-Length: 5"));
    for (const length of ["-5", "+5", "5x", "0x5", "5 5", ""]) await closes(put(`Content-Length: ${length}`));
    await closes(put("Transfer-Encoding : chunked"));
    await closes(put("Content-Length: 5", "X-Folded: a\r\n b"));
    await closes(put("Content-Length: 5", "X-Nul: a\0b"));
    await closes("GET /v1/kv/b/k HTTP/1.1\nHost: node\n\n");
    await closes("GET /v1/kv/b/k HTTP/1.1\r\nHost: node\r\nX: \x01\r\n\r\n");
    await closes("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    await closes("GET /v1/kv/b/k HTTP/3.7\r\nHost: node\r\n\r\n");
    await closes(
      `${request("PUT", `${NAME}smuggled`, ["Transfer-Encoding: chunked"])}zz\r\nhello\r\n0\r\n\r\n`,
    );
  });

  it("row 14: HTTP/1.1 without a Host, and codings other than chunked, are 400", async () => {
    await refuses(`GET ${NAME}k HTTP/1.1\r\n\r\n`, 400, "invalid_request");
    const coded = request("PUT", `${NAME}coded`, ["Transfer-Encoding: gzip, chunked"]);
    await refuses(`${coded}0\r\n\r\n`, 400, "encoding_unsupported");
  });

  it("row 14: nothing that was smuggled is there", async () => {
    const answer = await exchange(target(), request("GET", `${NAME}smuggled`));
    expect(answer.status).to.equal(404);
  });

  it("row 15: a flood of chunk extensions is 413", async () => {
    const head = request("PUT", `${NAME}extensions`, ["Transfer-Encoding: chunked"]);
    await refuses(`${head}1;${"x".repeat(20_000)}\r\na\r\n0\r\n\r\n`, 413);
  });

  it("row 21: pipelined requests are all answered, in their order, and more than a bound are shed", async () => {
    const connection = new RawConnection(target());
    const count = 2_000;
    let data = "";
    for (let i = 0; i < count; i++)
      data += request("GET", `${NAME}pipelined-${i}`, [`X-Dynamo-Request-Id: n${i}`]);
    connection.write(data);
    const statuses = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      const answer = await connection.answer({ withinMs: 15_000 });
      expect(answer.headers.get("x-dynamo-request-id")).to.equal(`n${i}`);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    }
    expect([...statuses.keys()]).to.satisfy((found: number[]) => found.every((s) => s === 404 || s === 503));
    expect(statuses.get(404)).to.be.at.least(1);
    connection.destroy();
  });

  it("an error in a pipelined request never takes the place of an older answer", async () => {
    const connection = new RawConnection(target());
    connection.write(`${request("PUT", `${NAME}older`, [], "v")}NONSENSE\r\n\r\n`);
    await connection.closed(5_000).catch(() => {});
    // Either the older answer came, or none did; a 400 in its place would tell of a write that was refused.
    if (connection.unread !== "") expect((await connection.answer()).status).to.not.equal(400);
    connection.destroy();
  });
}
