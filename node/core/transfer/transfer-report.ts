import type { NodeId } from "../node-id.ts";
import type { ControlMessage } from "../ports/control-calls.ts";
import type { PartitionMove } from "../ring/change/change-progress.ts";

/**
 * What a gaining node says of the copies that a change moves to it, when it is asked: `transfer.report {ring}` is answered
 * by the same with `equal`, two hex digits for each partition that it gains, in order: bit i says that it has become equal with
 * the i-th owner before the change. Both compute who that is from the same ring document, which `ring` names by its digest.
 *
 * Asked, not told: an answer speaks of the disk that the node has now, and of the process that says so.
 */
export const REPORT = "transfer.report";

/** `before` has at most 7 owners. */
const DIGITS = 2;

export function reportQuestion(digest: string): ControlMessage {
  return { type: REPORT, ring: digest };
}

/** @param moves those that the node which reports gains, in order of partitions */
export function reportAnswer(
  digest: string,
  moves: readonly PartitionMove[],
  equalWith: (partition: number) => ReadonlySet<NodeId>,
): ControlMessage {
  const equal = moves.map(({ partition, before }) => {
    const sources = equalWith(partition);
    const bits = before.reduce((sum, owner, i) => sum | (sources.has(owner) ? 1 << i : 0), 0);
    return bits.toString(16).padStart(DIGITS, "0");
  });
  return { type: REPORT, ring: digest, equal: equal.join("") };
}

/** For each partition the owners before; undefined where the message is no answer about this ring. */
export function parseReport(
  message: ControlMessage | undefined,
  digest: string,
  moves: readonly PartitionMove[],
): ReadonlyMap<number, readonly NodeId[]> | undefined {
  if (message?.type !== REPORT || message["ring"] !== digest) return undefined;
  const equal = message["equal"];
  if (typeof equal !== "string" || equal.length !== moves.length * DIGITS || !/^[0-9a-f]*$/.test(equal))
    return undefined;
  return new Map(
    moves.map(({ partition, before }, index) => {
      const bits = Number.parseInt(equal.slice(index * DIGITS, (index + 1) * DIGITS), 16);
      return [partition, before.filter((_, i) => (bits & (1 << i)) !== 0)];
    }),
  );
}
