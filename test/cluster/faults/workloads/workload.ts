import { acknowledged, checkShown, type Violation } from "../checker.ts";
import type { ClientSession, Quorums, Shown } from "../client-session.ts";
import type { History } from "../history.ts";

/**
 * What clients do while a fault happens, and what must be true of their keys in the end. One workload has one history;
 * its clients may be on different sides of the fault and share its keys.
 */
export interface Workload {
  readonly name: string;
  readonly history: History;
  readonly watch: ReadWatch;
  /** Where it asks for others than the cell names. */
  quorums?(ofCell: Quorums): Quorums;
  /** One small piece of work of one client. */
  step(session: ClientSession): Promise<void>;
  /** All keys, read when the cluster was of one mind. Beside what `watch.checkFinal` asks of every workload. */
  checkFinal(finals: ReadonlyMap<string, Shown>): Violation[];
}

/**
 * Judges what reads show. Corruption, invented, duplicate and refused values are never allowed. During a fault a read
 * may miss acknowledged writes, or show what they replaced (W acknowledgements may be stand-ins'): that is a stale
 * read, and counted; where all quorums are of owners alone, none is allowed. In the end nothing may be missing.
 */
export class ReadWatch {
  readonly #history: History;
  readonly #mayBeStale: boolean;
  readonly violations: Violation[] = [];
  reads = 0;
  staleReads = 0;
  siblingsMax = 0;

  constructor(history: History, { mayBeStale = true } = {}) {
    this.#history = history;
    this.#mayBeStale = mayBeStale;
  }

  async read(session: Pick<ClientSession, "read">, key: string): Promise<Shown | undefined> {
    const promised = acknowledged(this.#history.writesOf(key));
    const shown = await session.read(key);
    if (shown === undefined) return undefined;
    const found = this.#check(shown, promised);
    const stale = found.filter(({ kind }) => kind === "lost" || kind === "resurrected");
    this.reads += 1;
    if (stale.length > 0) this.staleReads += 1;
    this.violations.push(...found.filter((violation) => !stale.includes(violation)));
    // A value that came back may be the second dot of its write, which nobody promises anything of.
    const missed = this.#mayBeStale ? [] : stale.filter(({ kind }) => kind === "lost");
    this.violations.push(...missed.map(({ detail }) => ({ kind: "stale" as const, key, detail })));
    return shown;
  }

  checkFinal(finals: ReadonlyMap<string, Shown>): Violation[] {
    return this.#history.keys().flatMap((key) => {
      const shown = finals.get(key);
      return shown === undefined
        ? [{ kind: "lost" as const, key, detail: "it could not be read" }]
        : this.#check(shown, undefined);
    });
  }

  #check(shown: Shown, promised: ReturnType<typeof acknowledged> | undefined): Violation[] {
    const { key, saw, corrupt } = shown;
    this.siblingsMax = Math.max(this.siblingsMax, saw.length);
    return checkShown({ key, ids: saw, corrupt }, this.#history.writesOf(key), promised);
  }
}

/** A few shared keys, replaced by new ones before their histories grow long. */
export class HotKeys {
  readonly #prefix: string;
  readonly #history: History;
  readonly #writesMax: number;
  readonly #generations: number[];

  constructor(
    history: History,
    { prefix, keys, writesMax }: { prefix: string; keys: number; writesMax: number },
  ) {
    this.#history = history;
    this.#prefix = prefix;
    this.#writesMax = writesMax;
    this.#generations = new Array<number>(keys).fill(0);
  }

  /** @param luck 0 to 1 */
  pick(luck: number): string {
    const slot = Math.floor(luck * this.#generations.length);
    const key = (): string => `${this.#prefix}-${slot}-${this.#generations[slot]}`;
    if (this.#history.writesOf(key()).length >= this.#writesMax) this.#generations[slot]! += 1;
    return key();
  }
}
