import { once } from "node:events";
import type { Server } from "node:http";
import express from "express";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

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
    registry.metrics().then((text) => response.type(registry.contentType).send(text), next);
  });
  const server = app.listen(port);
  await once(server, "listening");
  return server;
}

function metricsOf(sources: HealthSources): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge("dynamo_operator_leading", "1 while this operator leads", () => (sources.leading() ? 1 : 0));
  gauge("dynamo_operator_clusters", "DynamoClusters it cares for", sources.clusters);
  gauge("dynamo_operator_queue_depth", "Clusters that wait or are worked on", sources.queueDepth);
  gauge(
    "dynamo_operator_watch_stale_seconds",
    "Since the quietest watch heard of the API server",
    () => (sources.staleMs() ?? 0) / 1_000,
  );
  new Gauge({
    name: "dynamo_operator_api_requests_total",
    help: "Requests sent to the API server",
    labelNames: ["method"],
    registers: [registry],
    collect() {
      for (const [method, count] of sources.requestsSent()) this.set({ method }, count);
    },
  });
  return registry;
}
