/**
 * Metrics whose values are looked up when somebody scrapes: nothing is counted for them in between. Nodes and operator
 * show what they know already by these.
 */
import { Counter, Gauge, type Registry } from "prom-client";

export class MetricReadings {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** One gauge for each label value that is read; those that are read no more are gone. */
  gauges(name: string, help: string, { label, read }: LabelledReadings): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, reading] of read()) this.set({ [label]: value }, reading);
      },
    });
  }

  /** `read` never answers less than before, within one process. */
  total(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** The same for each label value that is read. */
  totals(name: string, help: string, { label, read }: LabelledReadings): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, reading] of read()) this.inc({ [label]: value }, reading);
      },
    });
  }
}

interface LabelledReadings {
  readonly label: string;
  readonly read: () => Iterable<readonly [value: string, reading: number]>;
}
