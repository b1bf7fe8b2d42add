import type { AddressInfo } from "node:net";

import { expect } from "chai";

import { type HealthSources, startHealthServer } from "../../../../operator/controller/health-server.ts";

const LEADING: HealthSources = {
  leading: () => true,
  staleMs: () => 1_500,
  queueDepth: () => 3,
  clusters: () => 20,
  requestsSent: () => new Map([["PUT", 12]]),
};

describe("the operator's health server", () => {
  async function answers(sources: HealthSources, path: string): Promise<{ status: number; text: string }> {
    const server = await startHealthServer(0, sources);
    try {
      const { port } = server.address() as AddressInfo;
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, text: await answer.text() };
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it("is ready whether it leads or waits to, and says which", async () => {
    expect(await answers(LEADING, "/readyz")).to.deep.equal({ status: 200, text: "leading\n" });
    const waiting = await answers({ ...LEADING, leading: () => false }, "/readyz");
    expect(waiting).to.deep.equal({ status: 200, text: "waiting to lead\n" });
  });

  it("lives until it has not heard of the API server for ten minutes; one that waits to lead is not asked", async () => {
    expect((await answers(LEADING, "/livez")).status).to.equal(200);
    expect((await answers({ ...LEADING, staleMs: () => undefined }, "/livez")).status).to.equal(200);
    const blind = await answers({ ...LEADING, staleMs: () => 600_000 }, "/livez");
    expect(blind).to.deep.equal({ status: 503, text: "the API server was not heard of for 600 s\n" });
  });

  it("counts requests as a counter, and shows the rest as gauges", async () => {
    const { text } = await answers(LEADING, "/metrics");
    expect(text).to.contain("# TYPE dynamo_operator_api_requests_total counter");
    expect(text).to.contain('dynamo_operator_api_requests_total{method="PUT"} 12');
    expect(text)
      .to.contain("# TYPE dynamo_operator_clusters gauge")
      .and.to.contain("dynamo_operator_clusters 20");
    expect(text).to.contain("dynamo_operator_watch_stale_seconds 1.5");
  });
});
