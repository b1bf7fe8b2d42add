import { type Coverage, emptyCoverage, withDot } from "../../../../../node/core/version/coverage.ts";
import type { Dot } from "../../../../../node/core/version/dot.ts";
import {
  dotOfWrite,
  emptyRecord,
  type KeyRecord,
  merge,
  put,
  visibleSiblings,
} from "../../../../../node/core/version/record.ts";
import { type Copy, type Minter, mintsAnew, Replica } from "./schedule-replica.ts";

/**
 * One key on several replicas under a schedule: gets and puts of clients that carry contexts, deliveries to some
 * replicas only, exchanges between replicas, and the faults that make a disk forget. It runs the shipped put, merge
 * and mint; what may be swapped is the rule under test (the context that a put answers with, who mints dots), so
 * that the wrong rules live in tests only. Every write knows the writes that its writer was shown, transitively:
 * loss and false siblings are judged by that alone, never by coverages.
 */
export type Step =
  | { readonly kind: "get"; readonly client: number; readonly replicas: readonly number[] }
  | {
      readonly kind: "put";
      readonly client: number;
      readonly replica: number;
      readonly deliverTo: readonly number[];
      /** Without a context. */
      readonly blind: boolean;
      /** Whether the client hears of the success, and so gets a context. */
      readonly answered: boolean;
    }
  /** The client's last put again, with its request id and its context, at another coordinator. */
  | { readonly kind: "retry"; readonly client: number; readonly replica: number; readonly answered: boolean }
  | { readonly kind: "exchange"; readonly from: number; readonly to: number }
  /** The row is gone, the process lives on: corrupt, collected, or handed away. */
  | { readonly kind: "loseRow"; readonly replica: number }
  | { readonly kind: "keepCopyOfDisk"; readonly replica: number }
  /** The process restarts on an old copy of a disk: its own or another's; on an empty one where none was kept. */
  | { readonly kind: "restartOnCopy"; readonly replica: number; readonly of: number }
  /** The merged record left for the peers, then the commit failed. */
  | {
      readonly kind: "failCommit";
      readonly client: number;
      readonly replica: number;
      readonly deliverTo: number[];
    };

export interface Rules {
  readonly contextOfPut: (put: { seen: Coverage; dot: Dot; after: KeyRecord }) => Coverage;
  readonly minterOf: (replica: number) => Minter;
}

/** The shipped rules. */
export const shippedRules: Rules = {
  contextOfPut: ({ seen, dot }) => withDot(seen, dot),
  minterOf: mintsAnew,
};

interface Write {
  readonly id: number;
  readonly dot: Dot;
  /** Ids of every write that its writer was shown, and of what their writers were shown. */
  readonly saw: ReadonlySet<number>;
}

interface Client {
  context: Coverage;
  shown: ReadonlySet<number>;
  lastPut: { id: number; seen: Coverage; shown: ReadonlySet<number> } | undefined;
}

const nothing: ReadonlySet<number> = new Set();
const nowhere = emptyRecord({ bucket: new Uint8Array([98]), key: new Uint8Array([107]) });

export class Schedule {
  readonly replicas: readonly Replica[];
  readonly writes: Write[] = [];
  /** Every record that some replica held or some reader was shown. */
  readonly records: KeyRecord[] = [nowhere];
  /** What each answered put was given: for the law of exact contexts. */
  readonly putContexts: { seen: Coverage; dot: Dot; context: Coverage }[] = [];
  lost = 0;
  falseSiblings = 0;
  repeatedDots = 0;
  readonly #rules: Rules;
  readonly #clients: readonly Client[];
  readonly #writeOfDot = new Map<string, Write>();
  readonly #saw = new Map<number, Set<number>>();
  #lastId = 0;

  constructor({ replicas, clients, rules }: { replicas: number; clients: number; rules: Rules }) {
    this.#rules = rules;
    this.replicas = Array.from({ length: replicas }, (_, i) => new Replica(nowhere, rules.minterOf(i)));
    this.#clients = Array.from({ length: clients }, () => ({
      context: emptyCoverage,
      shown: nothing,
      lastPut: undefined,
    }));
  }

  run(steps: readonly Step[]): this {
    for (const step of steps) this.#run(step);
    return this;
  }

  #run(step: Step): void {
    switch (step.kind) {
      case "get":
        return this.#get(this.#client(step.client), step.replicas);
      case "put":
        return this.#put(this.#client(step.client), step);
      case "retry":
        return this.#retry(this.#client(step.client), step);
      case "exchange":
        return this.#receive(this.#replica(step.to), this.#replica(step.from).record);
      case "loseRow":
        return this.#replica(step.replica).loseRow();
      case "keepCopyOfDisk":
        return this.#replica(step.replica).keepCopy();
      case "restartOnCopy":
        return this.#replica(step.replica).restartOn(this.#replica(step.of).copy ?? this.#emptyDisk());
      case "failCommit":
        return this.#failCommit(this.#client(step.client), step);
    }
  }

  #get(client: Client, replicas: readonly number[]): void {
    const copies = replicas.map((i) => this.#replica(i).record);
    const record = copies.reduce((left, right) => this.#merged(left, right), nowhere);
    client.context = record.coverage;
    client.shown = new Set(visibleSiblings(record).map(idOf));
  }

  #put(client: Client, step: Extract<Step, { kind: "put" }>): void {
    const seen = step.blind ? emptyCoverage : client.context;
    const shown = step.blind ? nothing : client.shown;
    const id = ++this.#lastId;
    client.lastPut = { id, seen, shown };
    const { after, dot } = this.#write(this.#replica(step.replica), { id, seen, shown });
    for (const to of step.deliverTo) this.#receive(this.#replica(to), after);
    if (step.answered) this.#answer(client, { id, seen, shown, dot, after });
  }

  #retry(client: Client, step: Extract<Step, { kind: "retry" }>): void {
    if (client.lastPut === undefined) return;
    const replica = this.#replica(step.replica);
    const held = dotOfWrite(replica.record, valueOf(client.lastPut.id));
    const written =
      held === undefined ? this.#write(replica, client.lastPut) : { dot: held, after: replica.record };
    if (step.answered) this.#answer(client, { ...client.lastPut, ...written });
  }

  #failCommit(client: Client, step: Extract<Step, { kind: "failCommit" }>): void {
    const replica = this.#replica(step.replica);
    const committed = replica.disk;
    const write = { id: ++this.#lastId, seen: client.context, shown: client.shown };
    const { after } = this.#write(replica, write);
    replica.restartOn(committed);
    for (const to of step.deliverTo) if (to !== step.replica) this.#receive(this.#replica(to), after);
  }

  #write(replica: Replica, write: { id: number; seen: Coverage; shown: ReadonlySet<number> }) {
    const { id, seen } = write;
    const before = replica.record;
    const dot = replica.mint(seen);
    this.#remember(id, dot, write.shown);
    const after = put(before, { seen, dot, value: valueOf(id) });
    this.#judge([before], after);
    replica.coordinated(after, dot);
    return { after, dot };
  }

  /** A retried write has several dots and one id; its retries saw no more than it did. */
  #remember(id: number, dot: Dot, shown: ReadonlySet<number>): void {
    const saw = this.#saw.get(id) ?? new Set<number>();
    for (const one of shown) {
      saw.add(one);
      for (const older of this.#saw.get(one)!) saw.add(older);
    }
    this.#saw.set(id, saw);
    const name = `${dot.actor}:${dot.n}`;
    if (this.#writeOfDot.has(name)) this.repeatedDots++;
    const written = { id, dot, saw };
    this.#writeOfDot.set(name, written);
    this.writes.push(written);
  }

  #answer(
    client: Client,
    write: { id: number; seen: Coverage; shown: ReadonlySet<number>; dot: Dot; after: KeyRecord },
  ): void {
    client.context = this.#rules.contextOfPut(write);
    client.shown = new Set([...write.shown, write.id]);
    this.putContexts.push({ seen: write.seen, dot: write.dot, context: client.context });
  }

  #receive(replica: Replica, incoming: KeyRecord): void {
    replica.received(this.#merged(replica.record, incoming));
  }

  #merged(left: KeyRecord, right: KeyRecord): KeyRecord {
    const merged = merge(left, right);
    this.#judge([left, right], merged);
    return merged;
  }

  /** A value may go only where one that stays has seen it; of two that stay, neither has seen the other. */
  #judge(before: readonly KeyRecord[], after: KeyRecord): void {
    this.records.push(after);
    const kept = new Set(after.siblings.map(idOf));
    const seenByKept = [...kept].map((id) => this.#saw.get(id)!);
    for (const { siblings } of before) {
      for (const sibling of siblings) {
        const id = idOf(sibling);
        if (!kept.has(id) && !seenByKept.some((saw) => saw.has(id))) this.lost++;
      }
    }
    for (const id of kept) if (seenByKept.some((saw) => saw.has(id))) this.falseSiblings++;
  }

  /** Dots that the record claims to contain or to have superseded, and that no writer of its values was shown. */
  overclaimsOf(record: KeyRecord, covers: (coverage: Coverage, dot: Dot) => boolean): Dot[] {
    const kept = new Set(record.siblings.map(idOf));
    const unseen = this.writes.filter(
      ({ id }) => !kept.has(id) && ![...kept].some((k) => this.#saw.get(k)!.has(id)),
    );
    return unseen.map(({ dot }) => dot).filter((dot) => covers(record.coverage, dot));
  }

  #emptyDisk(): Copy {
    return { record: nowhere, mine: "" };
  }

  #replica(i: number): Replica {
    return this.replicas[i % this.replicas.length]!;
  }

  #client(i: number): Client {
    return this.#clients[i % this.#clients.length]!;
  }
}

/** The request id names the write. */
export function idOf(sibling: { readonly requestId: string }): number {
  return Number(sibling.requestId.slice(1));
}

function valueOf(id: number) {
  return {
    tombstone: false,
    value: new Uint8Array([id]),
    contentType: "",
    modifiedMs: 0,
    requestId: `w${id}`,
  };
}
