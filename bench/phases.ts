import type { LoadPhase } from "./load.ts";

/** The loads that both benchmarks know by name; docs/BENCHMARKS.md says what each is. */
export const PHASES = ["put", "get", "overwrite", "blind", "put64k"] as const;
export type PhaseName = (typeof PHASES)[number];

/** Connections of each load generator; one runs for each node. */
export const CONNECTIONS = 22;
/** Gets address so many keys of each generator at most. */
export const READ_KEYS_MAX = 5_000;

export function parsePhases(list: string): readonly PhaseName[] {
  return list.split(",").map((text) => {
    const phase = PHASES.find((name) => name === text);
    if (phase === undefined) throw new Error(`unknown phase ${text}; there are ${PHASES.join(", ")}`);
    return phase;
  });
}

/** `prefix`: of its keys; for a get, of the puts that wrote them, `keysWritten` by each generator. */
export function loadOf(
  phase: PhaseName,
  { seconds, prefix, keysWritten }: { seconds: number; prefix: string; keysWritten: number },
): LoadPhase {
  const common = { seconds, prefix, connections: CONNECTIONS, valueBytes: 1_024 };
  switch (phase) {
    case "get":
      return { ...common, mode: "get", keys: Math.min(keysWritten, READ_KEYS_MAX) };
    case "overwrite":
      return { ...common, mode: "overwrite", keys: 1_000 };
    case "blind":
      return { ...common, mode: "blind", keys: 5_000 };
    case "put64k":
      return { ...common, mode: "put", keys: 1, valueBytes: 65_536 };
    case "put":
      return { ...common, mode: "put", keys: 1 };
  }
}
