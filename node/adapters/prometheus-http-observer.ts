import type { Registry } from "prom-client";
import { DURATION_BOUNDS, HotHistogram } from "./prometheus-histogram.ts";
import { Tally } from "./prometheus-tally.ts";

/** Counts what the HTTP face tells (node/http/http-observer.ts, whose shape it has). */
export class PrometheusHttpObserver {
  readonly #answers: Tally;
  readonly #durations: HotHistogram;
  readonly #shed: Tally;
  readonly #connections: Tally;
  readonly #failures: Tally;

  constructor(registry: Registry) {
    this.#answers = new Tally(registry, {
      name: "dynamo_http_requests_total",
      help: "Key-value requests answered; status 0: the client went away before its request was whole.",
      labels: ["method", "status"],
    });
    this.#durations = new HotHistogram(registry, {
      name: "dynamo_http_request_duration_seconds",
      help: "From the end of a request's head to its answer.",
      bounds: DURATION_BOUNDS,
      label: { name: "method", values: METHODS },
    });
    this.#shed = new Tally(registry, {
      name: "dynamo_http_requests_shed_total",
      help: "Requests turned away because of load.",
      labels: ["reason"],
    });
    this.#connections = new Tally(registry, {
      name: "dynamo_http_connections_refused_total",
      help: "Connections closed for broken input, slowness or their number.",
      labels: ["code"],
    });
    this.#failures = new Tally(registry, {
      name: "dynamo_http_handler_failures_total",
      help: "Requests answered with 500: a bug.",
      labels: [],
    });
  }

  answered(method: string, status: number, durationMs: number): void {
    const index = METHODS.indexOf(method);
    const series = index === -1 ? OTHER : index;
    this.#answers.add(METHODS[series], String(status));
    this.#durations.observe(series, durationMs / 1_000);
  }

  shed(reason: string): void {
    this.#shed.add(reason);
  }

  connectionRefused(code: string): void {
    this.#connections.add(code);
  }

  handlerFailed(): void {
    this.#failures.add();
  }
}

const METHODS: readonly string[] = ["GET", "PUT", "DELETE", "HEAD", "other"];
const OTHER = METHODS.length - 1;
