import { once } from "node:events";
import type { Server } from "node:http";
import express from "express";
import type { Registry } from "prom-client";
import { MetricReadings } from "../../node/adapters/prometheus-reading.ts";
import { createRegistry, exposeMetrics } from "../../node/adapters/prometheus-registry.ts";

/** Health and metrics of the operator, for its own Deployment. */
export interface HealthSources {
  readonly leading: () => boolean;
  /** Undefined while another operator leads. */
  readonly staleMs: () => number | undefined;
  readonly queueDepth: () => number;
  readonly clusters: () => number;
  readonly requestsSent: () => ReadonlyMap<string, number>;
}

/** A watch is opened anew every five minutes: without word for twice as long the operator is blind. */
const STALE_MS_MAX = 600_000;

export async function startHealthServer(port: number, sources: HealthSources): Promise<Server> {
  const registry = metricsOf(sources);
  const app = express();
  app.disable("x-powered-by");
  app.get("/livez", (_request, response) => {
    const staleMs = sources.staleMs();
    if (staleMs === undefined || staleMs < STALE_MS_MAX) return void response.type("text").send("ok\n");
    response
      .status(503)
      .type("text")
      .send(`the API server was not heard of for ${Math.round(staleMs / 1_000)} s\n`);
  });
  // Ready also while waiting to lead: a rollout of the Deployment must not wait for the lease.
  app.get("/readyz", (_request, response) => {
    response.type("text").send(sources.leading() ? "leading\n" : "waiting to lead\n");
  });
  app.get("/metrics", (_request, response, next) => {
    exposeMetrics(registry).then(({ contentType, text }) => response.type(contentType).send(text), next);
  });
  const server = app.listen(port);
  await once(server, "listening");
  return server;
}

function metricsOf(sources: HealthSources): Registry {
  const registry = createRegistry();
  const readings = new MetricReadings(registry);
  readings.gauge("dynamo_operator_leading", "1 while this operator leads", () => Number(sources.leading()));
  readings.gauge("dynamo_operator_clusters", "DynamoClusters it cares for", sources.clusters);
  readings.gauge("dynamo_operator_queue_depth", "Clusters that wait or are worked on", sources.queueDepth);
  readings.gauge(
    "dynamo_operator_watch_stale_seconds",
    "Since the quietest watch heard of the API server",
    () => (sources.staleMs() ?? 0) / 1_000,
  );
  readings.totals("dynamo_operator_api_requests_total", "Requests sent to the API server", {
    label: "method",
    read: sources.requestsSent,
  });
  return registry;
}
