import { type Schedule, type ScheduledFaults, type ScheduledOperation } from "./schedule.ts";
import { simulate } from "./simulation.ts";
import type { NetworkWeather } from "./world/simulated-network.ts";
import type { ViolationKind } from "./violation.ts";

/**
 * Makes a failing run small: takes away operations and faults, by halves and quarters and in the end one by one (ddmin:
 * Zeller and Hildebrandt 2002), as long as the same promise is broken; then calms what is left of the weather. What
 * remains is mostly what the failure needs.
 */
export interface Shrunk {
  readonly violation: ViolationKind;
  readonly schedule: Schedule;
  readonly runs: number;
}

/** What may be taken away. */
type Part =
  | { readonly kind: "operation"; readonly operation: ScheduledOperation }
  | { readonly kind: "fault"; readonly fault: ScheduledFaults["timed"][number] }
  | { readonly kind: "commit"; readonly crash: ScheduledFaults["commits"][number] };

/** Undefined where the seed breaks no promise. */
export async function shrink(
  seed: number,
  { runsMax, progress }: { runsMax: number; progress: (parts: number, runs: number) => void },
): Promise<Shrunk | undefined> {
  const first = await simulate(seed);
  const violation = first.violations[0]?.kind;
  if (violation === undefined) return undefined;
  let runs = 1;
  const stillFails = async (schedule: Schedule): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs += 1;
    return (await simulate(schedule)).violations.some(({ kind }) => kind === violation);
  };
  const parts = await ddmin(partsOf(first.schedule), async (left) => {
    const fails = await stillFails(scheduleOf(first.schedule, left));
    if (fails) progress(left.length, runs);
    return fails;
  });
  const schedule = await calmed(scheduleOf(first.schedule, parts), stillFails);
  return { violation, schedule, runs };
}

/** The smallest list that it finds of which `fails` is true, no single item of which can be left out. */
export async function ddmin<T>(
  items: readonly T[],
  fails: (left: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let left = items;
  let chunks = 2;
  while (left.length >= 1) {
    const size = Math.ceil(left.length / chunks);
    let smaller: readonly T[] | undefined;
    for (let at = 0; at < left.length && smaller === undefined; at += size) {
      const rest = [...left.slice(0, at), ...left.slice(at + size)];
      if (await fails(rest)) smaller = rest;
    }
    if (smaller !== undefined) {
      left = smaller;
      chunks = Math.max(2, Math.min(chunks - 1, left.length));
    } else if (size <= 1) break;
    else chunks = Math.min(left.length, chunks * 2);
  }
  return left;
}

/** Later ones first: the end of a run is most likely not needed. */
function partsOf({ operations, faults }: Schedule): Part[] {
  const timed = [
    ...operations.map((operation) => ({
      atMs: operation.atMs,
      part: { kind: "operation", operation } as const,
    })),
    ...faults.timed.map((fault) => ({ atMs: fault.atMs, part: { kind: "fault", fault } as const })),
  ];
  const latestFirst = timed.sort((a, b) => b.atMs - a.atMs).map(({ part }) => part);
  return [...latestFirst, ...faults.commits.map((crash) => ({ kind: "commit", crash }) as const)];
}

function scheduleOf({ scenario }: Schedule, parts: readonly Part[]): Schedule {
  const inOrder = [...parts].reverse();
  return {
    scenario,
    operations: inOrder.flatMap((part) => (part.kind === "operation" ? [part.operation] : [])),
    faults: {
      timed: inOrder.flatMap((part) => (part.kind === "fault" ? [part.fault] : [])),
      commits: inOrder.flatMap((part) => (part.kind === "commit" ? [part.crash] : [])),
    },
  };
}

async function calmed(
  schedule: Schedule,
  stillFails: (schedule: Schedule) => Promise<boolean>,
): Promise<Schedule> {
  let calm = schedule;
  for (const change of CALMER) {
    const weather = { ...calm.scenario.weather, ...change };
    const next = { ...calm, scenario: { ...calm.scenario, weather } };
    if (await stillFails(next)) calm = next;
  }
  const plain = { ...calm, scenario: { ...calm.scenario, paddingMax: 0, clockDrift: 0.0001 } };
  return (await stillFails(plain)) ? plain : calm;
}

const CALMER: readonly Partial<NetworkWeather>[] = [
  { kind: "connections" },
  { lossRate: 0 },
  { duplicateRate: 0 },
  { jitter: 0 },
  { latencyMsMax: 1 },
];
