import { expect } from "chai";
import http, { type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type LoadTarget, runClosedLoop, runOpenLoop } from "../../../../bench/overload/generator.ts";

describe("load generator", () => {
  let server: Server | undefined;

  async function serve(listener: RequestListener): Promise<LoadTarget> {
    server = http.createServer(listener);
    await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return {
      baseUrls: [`http://127.0.0.1:${port}`],
      connectionsMax: 100,
      deadlineMs: 200,
      nextRequest: () => "GET / HTTP/1.1\r\nHost: node\r\n\r\n",
    };
  }

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  const open = (ratePerSecond: number, seconds: number) => ({
    steps: [{ ratePerSecond, seconds }],
    arrivals: "uniform" as const,
    random: Math.random,
  });

  it("sends what is due although nothing is answered, and gives up at the deadline", async () => {
    let asked = 0;
    const target = await serve(() => (asked += 1));
    const { steps, connectionsMax } = await runOpenLoop(target, open(100, 0.5));
    expect(steps[0]).to.include({ due: 49, good: 0, timedOut: 49 });
    expect(asked).to.equal(49);
    expect(connectionsMax).to.be.above(10);
  });

  it("counts the time for which a request waited to be sent", async () => {
    const target = await serve((_request, response) => void setTimeout(() => response.end("ok"), 40));
    const { steps } = await runOpenLoop({ ...target, connectionsMax: 1, deadlineMs: 5_000 }, open(100, 0.2));
    // Nineteen requests one after the other take 760 ms at least; the last of them was due after 190 ms.
    expect(steps[0]!.good).to.equal(19);
    expect(steps[0]!.goodMs!.max).to.be.above(500);
  });

  it("tells refusals with Retry-After from those without, and from other answers", async () => {
    let turn = 0;
    const target = await serve((_request, response) => {
      const kind = turn++ % 3;
      if (kind === 0) response.setHeader("Retry-After", "1");
      response.writeHead(kind === 2 ? 404 : 503, { "Content-Length": "0" }).end();
    });
    const { steps } = await runOpenLoop(target, open(100, 0.3));
    const [step] = steps;
    expect(step).to.deep.include({ good: 0, refused: 10, timedOut: 0, connectionFailed: 0 });
    const others = step!.otherAnswers;
    expect([others["503"], others["404"]]).to.deep.equal([10, 9]);
  });

  it("asks in a closed loop only after an answer", async () => {
    let underWay = 0;
    let most = 0;
    const target = await serve((_request, response) => {
      most = Math.max(most, ++underWay);
      setTimeout(() => {
        underWay -= 1;
        response.end("ok");
      }, 10);
    });
    const perSecond = await runClosedLoop(target, { clients: 3, seconds: 0.3 });
    expect(most).to.equal(3);
    expect(perSecond).to.be.within(20, 300);
  });

  it("survives a server that closes every connection", async () => {
    const target = await serve((request) => request.socket.destroy());
    const { steps } = await runOpenLoop(target, open(100, 0.2));
    expect(steps[0]).to.include({ due: 19, connectionFailed: 19 });
  });
});
