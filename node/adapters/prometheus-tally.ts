import { Counter, type Registry } from "prom-client";

/**
 * A counter with one or two labels whose values are found at run time (statuses, codes, peers). Counting is a map
 * access; prom-client sees the totals when somebody scrapes. Bounded: past `SERIES_MAX` label sets the rest is
 * counted as "other", so that nothing a client sends can grow the metrics without end.
 */
const SERIES_MAX = 500;

export class Tally {
  readonly #counts = new Map<string, number>();

  constructor(registry: Registry, options: { name: string; help: string; labels: readonly string[] }) {
    const counts = this.#counts;
    const { name, help, labels } = options;
    // registers: the constructor enters the registry; nothing else keeps the counter.
    new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const [key, count] of counts) {
          const values = key.split("|");
          this.inc(Object.fromEntries(labels.map((label, i) => [label, values[i] ?? "other"])), count);
        }
      },
    });
  }

  /** `key`: the label values in order, joined by "|". */
  add(key: string, count = 1): void {
    const known = this.#counts.get(key);
    if (known !== undefined) this.#counts.set(key, known + count);
    else if (this.#counts.size < SERIES_MAX) this.#counts.set(key, count);
    else this.#counts.set("other", (this.#counts.get("other") ?? 0) + count);
  }
}
