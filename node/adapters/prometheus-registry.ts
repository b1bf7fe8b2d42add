import { collectDefaultMetrics, Registry } from "prom-client";

/** A registry of this process alone, with prom-client's process and Node.js metrics (memory, CPU, collections). */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** What GET /metrics sends. */
export async function exposeMetrics(registry: Registry): Promise<{ contentType: string; text: string }> {
  return { contentType: registry.contentType, text: await registry.metrics() };
}
