import { ByteReader } from "../../../node/core/bytes/byte-reader.ts";
import { readCoverage } from "../../../node/core/version/coverage-codec.ts";
import { covers } from "../../../node/core/version/coverage.ts";
import type { ActorId } from "../../../node/core/version/dot.ts";
import type { Violation } from "./checker.ts";
import type { FaultCluster } from "./fault-cluster.ts";
import type { History } from "./history.ts";

/**
 * Tells values that came back from the dead from those that had a second name. A request whose coordinator is silent is
 * handed to another node; where both carried it out the one write has two dots, and who saw one has not seen the other
 * (docs/decisions/0002, 0007). Seen from outside both look the same: a value beside the write that replaced it. So the
 * dot that is there is held against the context that the replacing write was sent with. Covered: it was replaced, and
 * is there all the same. Not covered: the author was never shown this dot.
 */
export interface ToldApart {
  readonly twins: number;
  readonly rest: Violation[];
}

/** Version, key id and tag, before the coverage (node/core/version/context.ts). */
const CONTEXT_HEADER_BYTES = 18;

export async function apartFromTwins(
  cluster: Pick<FaultCluster, "ownersOf" | "replica">,
  { bucket, history }: { bucket: string; history: History },
  violations: readonly Violation[],
): Promise<ToldApart> {
  const rest: Violation[] = [];
  const twins = new Set<string>();
  for (const violation of violations) {
    const { kind, key, value, by } = violation;
    if (kind !== "resurrected" || value === undefined || by === undefined) {
      rest.push(violation);
      continue;
    }
    const [owner] = await cluster.ownersOf(bucket, key);
    const replica = await cluster.replica(owner!, bucket, key);
    const dots = replica?.dots.filter(({ requestId }) => requestId === value) ?? [];
    const context = history.write(by)?.context ?? "";
    if (dots.length > 0 && !dots.some((dot) => isCovered(dot, context))) twins.add(value);
    else rest.push(violation);
  }
  return { twins: twins.size, rest };
}

/** @param context as clients carry it: base64url, empty for none */
export function isCovered(
  { actor, n }: { readonly actor: string; readonly n: number },
  context: string,
): boolean {
  const bytes = Buffer.from(context, "base64url");
  if (bytes.length === 0) return false;
  return covers(readCoverage(new ByteReader(bytes.subarray(CONTEXT_HEADER_BYTES))), {
    actor: actor as ActorId,
    n,
  });
}
