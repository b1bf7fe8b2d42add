import { expect } from "chai";
import { InvariantBroken } from "../../../../../node/core/invariant.ts";
import type { Coverage } from "../../../../../node/core/version/coverage.ts";
import type { Dot } from "../../../../../node/core/version/dot.ts";
import { type Rules, Schedule, shippedRules, type Step } from "./schedule.ts";
import { fixedIdentity, identityPerStart } from "./schedule-replica.ts";

/**
 * The table of docs/decisions/0001: random schedules on five replicas, under the shipped rules and under the wrong
 * ones that look right. The seeds are fixed, so that the figures repeat; print them with `PRINT_TABLE=1`.
 */
const REPLICAS = 5;
const CLIENTS = 4;
const STEPS = 40;
const SCHEDULES = 2_000;

type Fault = Extract<Step, { kind: "loseRow" | "keepCopyOfDisk" | "restartOnCopy" | "failCommit" }>["kind"];
const noFaults: readonly Fault[] = [];
const lostRows: readonly Fault[] = ["loseRow"];
const rolledBackDisks: readonly Fault[] = ["keepCopyOfDisk", "restartOnCopy", "failCommit"];

/** Wrong: "the client's clock, this node's entry raised to n" claims 1…n, and so writes that the client never saw. */
const plainVectorEntry: Rules = { ...shippedRules, contextOfPut: ({ seen, dot }) => raised(seen, dot) };
/** Wrong: the clock of what is stored also covers the siblings that the put left standing. */
const vectorOfRecord: Rules = { ...shippedRules, contextOfPut: ({ after }) => after.coverage };
/** Wrong: a node that is one actor for life repeats a dot when its disk forgets. */
const oneActorForLife: Rules = { ...shippedRules, minterOf: fixedIdentity };
/** Wrong: an actor for each start of the process, but none for each row that was forgotten meanwhile. */
const oneActorPerStart: Rules = { ...shippedRules, minterOf: identityPerStart };

function raised(seen: Coverage, { actor, n }: Dot): Coverage {
  const vector = new Map(seen.vector);
  vector.set(actor, Math.max(n, vector.get(actor) ?? 0));
  return { vector, loose: seen.loose };
}

interface Tally {
  /** Schedules in which a value went that no writer of what stayed had seen. */
  lost: number;
  /** Schedules in which a value stayed beside one whose writer had seen it. */
  falseSiblings: number;
  /** Schedules in which one dot named two writes. */
  repeatedDots: number;
  /** Schedules that ended because put was handed a dot that its record or the context knew already. */
  brokenPuts: number;
}

const measured = new Map<string, Tally>();

function tally(name: string, rules: Rules, faults: readonly Fault[], schedules = SCHEDULES): Tally {
  const result: Tally = { lost: 0, falseSiblings: 0, repeatedDots: 0, brokenPuts: 0 };
  for (let seed = 1; seed <= schedules; seed++) {
    const schedule = new Schedule({ replicas: REPLICAS, clients: CLIENTS, rules });
    if (!runUnlessBroken(schedule, randomSteps(seed, faults))) result.brokenPuts++;
    if (schedule.lost > 0) result.lost++;
    if (schedule.falseSiblings > 0) result.falseSiblings++;
    if (schedule.repeatedDots > 0) result.repeatedDots++;
  }
  measured.set(name, result);
  return result;
}

function runUnlessBroken(schedule: Schedule, steps: readonly Step[]): boolean {
  try {
    schedule.run(steps);
    return true;
  } catch (error) {
    if (error instanceof InvariantBroken) return false;
    throw error;
  }
}

/** The same seed and faults give the same schedule to every rule. */
function randomSteps(seed: number, faults: readonly Fault[]): Step[] {
  const random = mulberry32(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  const someReplicas = () => Array.from({ length: REPLICAS }, (_, i) => i).filter(() => random() < 0.4);
  const fault = (kind: Fault): Step => {
    const replica = below(REPLICAS);
    if (kind === "restartOnCopy") return { kind, replica, of: random() < 0.8 ? replica : below(REPLICAS) };
    if (kind === "failCommit") return { kind, replica, client: below(CLIENTS), deliverTo: someReplicas() };
    return { kind, replica };
  };
  return Array.from({ length: STEPS }, (): Step => {
    const kind = random();
    const client = below(CLIENTS);
    if (faults.length > 0 && kind < 0.15) return fault(faults[below(faults.length)]!);
    if (kind < 0.35) return { kind: "get", client, replicas: someReplicas() };
    if (kind < 0.55) return { kind: "exchange", from: below(REPLICAS), to: below(REPLICAS) };
    const replica = below(REPLICAS);
    return {
      kind: "put",
      client,
      replica,
      deliverTo: someReplicas(),
      blind: random() < 0.2,
      answered: random() < 0.9,
    };
  });
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe(`lost writes in ${SCHEDULES} schedules of ${STEPS} steps on ${REPLICAS} replicas`, () => {
  after(() => {
    if (process.env["PRINT_TABLE"] !== undefined) console.table(Object.fromEntries(measured));
  });

  it("loses writes where a put's context is a plain vector entry", () => {
    expect(tally("plain vector entry", plainVectorEntry, noFaults).lost).to.be.greaterThan(SCHEDULES / 10);
  });

  it("loses writes where a put's context is what the record covers", () => {
    expect(tally("what the record covers", vectorOfRecord, noFaults).lost).to.be.greaterThan(SCHEDULES / 10);
  });

  const faultless = { lost: 0, falseSiblings: 0, repeatedDots: 0, brokenPuts: 0 };

  it("loses nothing and shows no false sibling with the client's context and exactly the new dot", () => {
    expect(tally("shipped", shippedRules, noFaults)).to.deep.equal(faultless);
  });

  it("loses nothing when rows are lost", () => {
    expect(tally("shipped, rows lost", shippedRules, lostRows)).to.deep.equal(faultless);
  });

  it("loses nothing when disks are rolled back or swapped and commits fail", () => {
    expect(tally("shipped, disks rolled back", shippedRules, rolledBackDisks)).to.deep.equal(faultless);
  });

  it("repeats dots where a node is one actor for life and a row is lost, and put notices only some", () => {
    const result = tally("one actor for life, rows lost", oneActorForLife, lostRows, SCHEDULES / 4);
    expect(result.lost).to.be.greaterThan(0);
    expect(result.repeatedDots).to.be.greaterThan(result.brokenPuts);
  });

  it("repeats dots where an actor lasts from start to start and a row is lost", () => {
    const result = tally("one actor per start, rows lost", oneActorPerStart, lostRows, SCHEDULES / 4);
    expect(result.lost).to.be.greaterThan(0);
    expect(result.repeatedDots).to.be.greaterThan(result.brokenPuts);
  });

  it("repeats dots where a node is one actor for life and a disk is rolled back, and put notices only some", () => {
    const result = tally(
      "one actor for life, disks rolled back",
      oneActorForLife,
      rolledBackDisks,
      SCHEDULES / 4,
    );
    expect(result.lost).to.be.greaterThan(0);
    expect(result.repeatedDots).to.be.greaterThan(result.brokenPuts);
  });
});
