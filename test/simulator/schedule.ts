import type { NodeId } from "../../node/core/node-id.ts";
import type { CommitCrash, FaultAction } from "./faults/fault-action.ts";
import type { FaultKind, Scenario } from "./scenario.ts";

/**
 * A whole run as data: the cluster, what its clients did and when, and what went wrong around them. What is left to
 * chance (how long a message takes) follows from the seed by streams with names, so that an operation or a fault can be
 * taken away and the rest goes on as before: that is how a failing seed is shrunk, and kept.
 */
export interface Schedule {
  readonly scenario: Scenario;
  readonly operations: readonly ScheduledOperation[];
  readonly faults: ScheduledFaults;
}

export interface ScheduledFaults {
  readonly timed: readonly { readonly atMs: number; readonly fault: FaultAction }[];
  readonly commits: readonly CommitCrash[];
}

/** The n-th operation of a client: its begin, or the end of the one before, whichever is later. */
export interface ScheduledOperation {
  readonly client: number;
  readonly n: number;
  readonly atMs: number;
  readonly kind: "get" | "put" | "delete";
  readonly key: string;
}

/** Sets as lists. */
export function scheduleToJson(schedule: Schedule): object {
  const { faults, fragile, changesPerFold, ...scenario } = schedule.scenario;
  return {
    ...schedule,
    scenario: {
      ...scenario,
      changesPerFold: changesPerFold ?? null,
      faults: [...faults],
      fragile: [...fragile],
    },
  };
}

/** Trusts what was written by `scheduleToJson`: such files are part of the repository. */
export function scheduleFromJson(json: unknown): Schedule {
  const { scenario, ...rest } = json as Omit<Schedule, "scenario"> & { scenario: WrittenScenario };
  const { changesPerFold, faults, fragile } = scenario;
  return {
    ...rest,
    scenario: {
      ...scenario,
      changesPerFold: changesPerFold ?? undefined,
      faults: new Set(faults),
      fragile: new Set(fragile),
    },
  };
}

type WrittenScenario = Omit<Scenario, "faults" | "fragile" | "changesPerFold"> & {
  readonly changesPerFold: number | null;
  readonly faults: readonly FaultKind[];
  readonly fragile: readonly NodeId[];
};
