import type { Violation } from "../checker.ts";
import type { ClientSession, Shown } from "../client-session.ts";
import type { FaultValue } from "../fault-value.ts";
import { History } from "../history.ts";
import { HotKeys, ReadWatch, type Workload } from "./workload.ts";

/**
 * Counters that survive siblings: a map from client to its own count, merged by the greater of each; the total is the
 * sum. A client counts on from its own memory, never from what it read, and takes a new name after an increment whose
 * fate it does not know: so each name's count says exactly which increments are there.
 */
export class CounterWorkload implements Workload {
  readonly name = "counter";
  readonly history = new History();
  readonly watch = new ReadWatch(this.history);
  readonly #hot = new HotKeys(this.history, { prefix: "counter", keys: 4, writesMax: 60 });
  readonly #counters = new Map<string, Counter>();
  readonly #unknown = new Map<string, number>();

  async step(session: ClientSession): Promise<void> {
    const key = this.#hot.pick(Math.random());
    const shown = await this.watch.read(session, key);
    if (shown === undefined) return;
    const counter = this.#counterOf(key, session);
    const tried = counter.acknowledged + 1;
    const counts = { ...countsOf(shown.values), [counter.name]: tried };
    counter.tried = tried;
    const { outcome } = await session.put(key, shown, { counts });
    if (outcome === "ok") counter.acknowledged = tried;
    if (outcome === "fail") counter.tried = counter.acknowledged;
    if (outcome === "info") {
      const retired = `${key} ${session.name}`;
      this.#unknown.set(retired, (this.#unknown.get(retired) ?? 0) + 1);
    }
  }

  checkFinal(finals: ReadonlyMap<string, Shown>): Violation[] {
    const counters = [...this.#counters.values()];
    return this.history.keys().flatMap((key) =>
      checkCounter(
        { key, counts: countsOf(finals.get(key)?.values ?? []) },
        counters.filter((counter) => counter.key === key),
      ),
    );
  }

  #counterOf(key: string, session: ClientSession): Counter {
    const name = `${session.name}~${this.#unknown.get(`${key} ${session.name}`) ?? 0}`;
    const id = `${key} ${name}`;
    const counter = this.#counters.get(id) ?? { key, name, acknowledged: 0, tried: 0 };
    this.#counters.set(id, counter);
    return counter;
  }
}

export interface Counter {
  readonly key: string;
  readonly name: string;
  /** Increments that were acknowledged. */
  acknowledged: number;
  /** The same, and one more where the last one's fate is unknown. */
  tried: number;
}

/** No acknowledged increment is missing, and none is there that was not tried. */
export function checkCounter(
  { key, counts }: { key: string; counts: Readonly<Record<string, number>> },
  counters: readonly Counter[],
): Violation[] {
  const known = new Set(counters.map(({ name }) => name));
  const invented = Object.keys(counts).filter((name) => !known.has(name));
  return [
    ...invented.map((name) => ({ kind: "unknown" as const, key, detail: `${name} counted nothing here` })),
    ...counters.flatMap(({ name, acknowledged, tried }): Violation[] => {
      const count = counts[name] ?? 0;
      const detail = `${name} counted ${acknowledged} (tried ${tried}), and ${count} are there`;
      if (count < acknowledged) return [{ kind: "lost", key, detail }];
      return count > tried ? [{ kind: "refused", key, detail }] : [];
    }),
  ];
}

function countsOf(values: readonly FaultValue[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const { counts } of values) {
    for (const [name, count] of Object.entries(counts ?? {}))
      merged[name] = Math.max(merged[name] ?? 0, count);
  }
  return merged;
}
