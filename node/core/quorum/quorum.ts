/**
 * N, R and W (Dynamo §4.5): how many copies a key has and how many answers a request waits for. PR and PW say how
 * many of those answers must come from the key's owners rather than from stand-ins: they trade availability for
 * seeing one's own writes in a sloppy quorum.
 */
export interface Quorum {
  readonly n: number;
  readonly r: number;
  readonly w: number;
  readonly pr: number;
  readonly pw: number;
}

export interface QuorumDefaults {
  readonly readQuorum: number;
  readonly writeQuorum: number;
}

export interface QuorumOverrides {
  readonly r: number | undefined;
  readonly w: number | undefined;
  readonly pr: number | undefined;
  readonly pw: number | undefined;
}

export type ResolvedQuorum =
  { readonly ok: true; readonly quorum: Quorum } | { readonly ok: false; readonly message: string };

/**
 * `n` is the ring's N, or the number of members where that is smaller. Defaults are cut to it; overrides are not.
 * @param writeN the copies of a write where a change moves them to more owners (write-tally.ts)
 */
export function resolveQuorum(
  overrides: QuorumOverrides,
  defaults: QuorumDefaults,
  n: number,
  writeN = n,
): ResolvedQuorum {
  const { r, w, pr, pw } = overrides;
  const problem =
    outOfRange("r", r, 1, n) ??
    outOfRange("w", w, 1, writeN) ??
    outOfRange("pr", pr, 0, n) ??
    outOfRange("pw", pw, 0, writeN);
  if (problem !== undefined) return { ok: false, message: problem };
  return {
    ok: true,
    quorum: {
      n,
      r: Math.max(r ?? Math.min(defaults.readQuorum, n), pr ?? 0),
      w: Math.max(w ?? Math.min(defaults.writeQuorum, writeN), pw ?? 0),
      pr: pr ?? 0,
      pw: pw ?? 0,
    },
  };
}

function outOfRange(name: string, value: number | undefined, least: number, n: number): string | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= n)) return undefined;
  return `${name}=${value} is not a whole number from ${least} to ${n} (a key of this cluster has ${n} copies)`;
}
