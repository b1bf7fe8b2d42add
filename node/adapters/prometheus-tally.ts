import { Counter, type Registry } from "prom-client";

/**
 * A counter with up to two labels whose values are found at run time (statuses, codes, peers). Counting is two map
 * accesses and makes no text; prom-client sees the totals when somebody scrapes. Bounded: past `SERIES_MAX` label
 * sets the rest is counted as "other", so that nothing a client sends can grow the metrics without end.
 */
const SERIES_MAX = 500;
const OTHER = "other";

export class Tally {
  /** By the first label's value, then by the second's; "" where there is no such label. */
  readonly #counts = new Map<string, Map<string, number>>();
  #series = 0;

  constructor(registry: Registry, options: { name: string; help: string; labels: readonly string[] }) {
    const { name, help, labels } = options;
    const all = (): Iterable<readonly [readonly string[], number]> => this.#all();
    // The constructor enters the counter in the registry, which keeps it.
    new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const [values, count] of all()) {
          this.inc(Object.fromEntries(labels.map((label, i) => [label, values[i]!])), count);
        }
      },
    });
  }

  /** Label values in the order of the labels. */
  add(first = "", second = ""): void {
    const counts = this.#counts.get(first);
    const count = counts?.get(second);
    if (counts !== undefined && count !== undefined) counts.set(second, count + 1);
    else if (this.#series < SERIES_MAX || (first === OTHER && second === OTHER)) this.#start(first, second);
    else this.add(OTHER, OTHER);
  }

  #start(first: string, second: string): void {
    this.#series += 1;
    const counts = this.#counts.get(first) ?? new Map<string, number>();
    this.#counts.set(first, counts.set(second, 1));
  }

  *#all(): Generator<readonly [readonly string[], number]> {
    for (const [first, counts] of this.#counts) {
      for (const [second, count] of counts) yield [[first, second], count];
    }
  }
}
