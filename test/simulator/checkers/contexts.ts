import { openContext } from "../../../node/core/version/context.ts";
import { type Coverage, covers, includes } from "../../../node/core/version/coverage.ts";
import { positionOf } from "../../../node/core/ring/position.ts";
import { BUCKET, type Cluster } from "../cluster.ts";
import { type KnownDot, nameOf } from "../workload/dot-registry.ts";
import type { WriteOperation } from "../workload/history.ts";
import { ByteReader } from "../../../node/core/bytes/byte-reader.ts";
import { readCoverage } from "../../../node/core/version/coverage-codec.ts";
import { simulatedHash } from "../world/simulated-hash.ts";

/** Version, key id and tag come before the coverage (version/context.ts). */
const CONTEXT_HEADER_BYTES = 18;

/** What a context covers; the tag is for the cluster to check. */
export function coverageOf(context: Uint8Array): Coverage {
  if (context.length === 0) return { vector: new Map(), loose: new Map() };
  return readCoverage(new ByteReader(context.subarray(CONTEXT_HEADER_BYTES)));
}

/** Whether a context is sealed for this key of this cluster. */
export function isSealedFor(key: string, context: Uint8Array, clusterId: string): boolean {
  const position = positionOf({ bucket: BUCKET, key: new TextEncoder().encode(key) }, simulatedHash);
  return openContext(context, { clusterId, position }, simulatedHash).ok;
}

/**
 * A read's context must cover what it showed, and of the rest only what a write that it covers had seen. One dot more,
 * and a later put with this context erases a write that nobody was shown.
 */
export function checkShownContext(
  cluster: Cluster,
  { key, coverage, shown }: { key: string; coverage: Coverage; shown: ReadonlySet<string> },
): void {
  const { registry } = cluster;
  const invented = registry.inventedBy(key, coverage);
  if (invented.length > 0)
    cluster.violated("context_covers_too_much", `${key}: nobody minted ${invented.join(" ")}`);
  const covered = registry.covered(key, coverage);
  for (const known of covered) {
    if (known.tombstone || shown.has(known.writeId) || isSuperseded(cluster, known, covered)) continue;
    const detail = `${key}: the read covers ${known.writeId} (${nameOf(known.dot)}) and did not show it`;
    cluster.violated("context_covers_too_much", detail);
  }
  for (const id of shown) {
    if (!registry.dotsOf(id).some(({ dot }) => covers(coverage, dot))) {
      cluster.violated("context_covers_too_little", `${key}: the read shows ${id} and does not cover it`);
    }
  }
}

/**
 * By a write that is covered too and whose author's context covered it, under this dot or, where a retry minted two,
 * under the other: who saw one dot of a write saw the write.
 */
export function isSuperseded(
  { history, registry }: Cluster,
  known: KnownDot,
  covered: readonly KnownDot[],
): boolean {
  const twins = registry.dotsOf(known.writeId);
  return covered.some((other) => {
    const writer = history.write(other.writeId);
    if (writer === undefined || other === known) return false;
    const { seen } = writer;
    if (seen !== undefined) return twins.some(({ dot }) => covers(seen, dot));
    // A delete that read by itself may have read whatever was there before its tombstone.
    return other.writeId !== known.writeId && known.firstSeenMs <= other.firstSeenMs;
  });
}

/** A write's context is the client's context and exactly the write's own dot. */
export function checkWrittenContext(cluster: Cluster, operation: WriteOperation): void {
  const { registry } = cluster;
  const { id, key, seen, answered } = operation;
  if (answered === undefined || seen === undefined) return;
  if (!includes(answered, seen)) {
    cluster.violated(
      "context_covers_too_little",
      `${id} of ${key}: the answer forgets what the client had seen`,
    );
  }
  const added = registry.covered(key, answered).filter(({ dot }) => !covers(seen, dot));
  const strangers = added
    .filter(({ writeId }) => writeId !== id)
    .map(({ dot, writeId }) => `${nameOf(dot)} (${writeId})`);
  strangers.push(...registry.inventedBy(key, answered));
  if (strangers.length > 0 || added.length > 1) {
    cluster.violated(
      "context_covers_too_much",
      `${id} of ${key}: the answer also covers ${strangers.join(" ")}`,
    );
  }
  if (registry.covered(key, answered).every(({ writeId }) => writeId !== id)) {
    cluster.violated("context_covers_too_little", `${id} of ${key}: the answer does not cover the write`);
  }
}
