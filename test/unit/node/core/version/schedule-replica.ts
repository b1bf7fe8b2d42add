import { ActorMint } from "../../../../../node/core/version/actor.ts";
import { type Coverage, highestOf } from "../../../../../node/core/version/coverage.ts";
import { type ActorId, type Dot, parseActorId } from "../../../../../node/core/version/dot.ts";
import type { KeyRecord } from "../../../../../node/core/version/record.ts";

/** What mints dots, and what a start of the process or a failed commit does to it. */
export interface Minter {
  nextDot(row: { mine: string; coverage: Coverage; seen: Coverage }): Dot;
  restart(): void;
}

/** One key's row on one replica's disk. */
export interface Copy {
  readonly record: KeyRecord;
  /** The actor that this replica coordinated the key under; empty where it remembers none. */
  readonly mine: string;
}

/** A replica of one key: a row, the minter of its process, and the copy of its disk that a backup took. */
export class Replica {
  copy: Copy | undefined;
  readonly #empty: Copy;
  readonly #minter: Minter;
  #disk: Copy;

  constructor(nowhere: KeyRecord, minter: Minter) {
    this.#empty = { record: nowhere, mine: "" };
    this.#disk = this.#empty;
    this.#minter = minter;
  }

  get record(): KeyRecord {
    return this.#disk.record;
  }

  get disk(): Copy {
    return this.#disk;
  }

  mint(seen: Coverage): Dot {
    return this.#minter.nextDot({ mine: this.#disk.mine, coverage: this.#disk.record.coverage, seen });
  }

  coordinated(record: KeyRecord, dot: Dot): void {
    this.#disk = { record, mine: dot.actor };
  }

  received(record: KeyRecord): void {
    this.#disk = { record, mine: this.#disk.mine };
  }

  loseRow(): void {
    this.#disk = this.#empty;
  }

  keepCopy(): void {
    this.copy = this.#disk;
  }

  restartOn(disk: Copy): void {
    this.#disk = disk;
    this.#minter.restart();
  }
}

/** The shipped mint. Random database actors are counted here instead: all that matters is that none comes twice. */
export function mintsAnew(replica: number): Minter {
  let starts = 0;
  const databaseActor = () => `${hex(replica + 1)}${hex(++starts)}`;
  const mint = new ActorMint(databaseActor());
  return {
    nextDot: (row) => mint.nextDot(row),
    restart: () => mint.renew(databaseActor()),
  };
}

/** The textbook's: a node is one actor for life, and counts on from what its row says. */
export function fixedIdentity(replica: number): Minter {
  const actor = parseActorId(`${hex(replica + 1)}${hex(0)}#0`);
  return { nextDot: (row) => following(row, actor), restart: () => undefined };
}

/** Anew at each start of the process, and without epochs. */
export function identityPerStart(replica: number): Minter {
  let starts = 0;
  return {
    nextDot: (row) => following(row, parseActorId(`${hex(replica + 1)}${hex(starts)}#0`)),
    restart: () => void starts++,
  };
}

function following({ coverage }: { coverage: Coverage }, actor: ActorId): Dot {
  return { actor, n: highestOf(coverage, actor) + 1 };
}

function hex(number: number): string {
  return number.toString(16).padStart(8, "0");
}
