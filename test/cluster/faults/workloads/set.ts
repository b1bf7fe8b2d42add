import type { Violation } from "../checker.ts";
import { type ClientSession, NOTHING_KNOWN, type Shown } from "../client-session.ts";
import type { FaultValue } from "../fault-value.ts";
import { History } from "../history.ts";
import { HotKeys, ReadWatch, type Workload } from "./workload.ts";

/**
 * Grow-only sets, as a shopping cart keeps them (Dynamo §4.4): read, merge the siblings by union, add an element, put;
 * now and then add blindly, which makes a sibling. The element is the id of its write.
 */
export class SetWorkload implements Workload {
  readonly name = "set";
  readonly history = new History();
  readonly watch = new ReadWatch(this.history);
  readonly #hot = new HotKeys(this.history, { prefix: "set", keys: 4, writesMax: 60 });
  #added = 0;
  /** By element: the write that added it, and where. */
  readonly #adds = new Map<string, { key: string; write: string }>();

  async step(session: ClientSession): Promise<void> {
    const key = this.#hot.pick(Math.random());
    this.#added += 1;
    const element = `e${this.#added}`;
    if (Math.random() < 0.15) {
      const blind = await session.put(key, NOTHING_KNOWN, { elements: [element] });
      this.#adds.set(element, { key, write: blind.id });
      return;
    }
    const shown = await this.watch.read(session, key);
    if (shown === undefined) return;
    const elements = [...elementsOf(shown.values), element];
    const { id } = await session.put(key, shown, { elements });
    this.#adds.set(element, { key, write: id });
  }

  checkFinal(finals: ReadonlyMap<string, Shown>): Violation[] {
    const adds = [...this.#adds].map(([element, { key, write }]) => ({
      element,
      key,
      outcome: this.history.write(write)!.outcome,
    }));
    return this.history.keys().flatMap((key) => {
      const elements = elementsOf(finals.get(key)?.values ?? []);
      return checkSet(
        { key, elements },
        adds.filter((add) => add.key === key),
      );
    });
  }
}

export interface Add {
  readonly element: string;
  readonly outcome: "pending" | "ok" | "fail" | "info";
}

/** Acknowledged elements are there; nothing is there that nobody tried to add or that was refused. */
export function checkSet(
  { key, elements }: { key: string; elements: readonly string[] },
  adds: readonly Add[],
): Violation[] {
  const there = new Set(elements);
  const outcomes = new Map(adds.map(({ element, outcome }) => [element, outcome]));
  const lost = adds.filter(({ element, outcome }) => outcome === "ok" && !there.has(element));
  return [
    ...lost.map(({ element }) => ({ kind: "lost" as const, key, detail: `element ${element} is gone` })),
    ...elements.flatMap((element): Violation[] => {
      const outcome = outcomes.get(element);
      if (outcome === undefined) return [{ kind: "unknown", key, detail: `nobody added ${element}` }];
      return outcome === "fail"
        ? [{ kind: "refused", key, detail: `${element} is there; its client was told that it is not` }]
        : [];
    }),
  ];
}

function elementsOf(values: readonly FaultValue[]): string[] {
  return [...new Set(values.flatMap(({ elements }) => elements ?? []))];
}
