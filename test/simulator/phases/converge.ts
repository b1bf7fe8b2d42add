import type { StoredRow } from "../../../node/core/ports/database.ts";
import { compareBytes } from "../../../node/core/version/record.ts";
import { differenceOfOwners, divergence, wrongLeaf } from "../checkers/convergence.ts";
import { tombstoneCountOf, tombstonesMiscounted } from "../checkers/tombstones.ts";
import { notHeardOf } from "../checkers/gossip.ts";
import { hintsLeft } from "../checkers/hints.ts";
import { tombstonesLeft } from "../checkers/seals.ts";
import type { Cluster } from "../cluster.ts";
import { HARMLESS_FAULTS, type Scenario } from "../scenario.ts";

/** How often convergence is looked for. */
const LOOK_MS = 50;
/** In which something new is everywhere, with seven nodes and room to spare. */
const GOSSIP_ROUNDS = 12;
/** One seed in so many goes on after it has converged. */
const RESTING_SEEDS = 5;
const ROOM_FOR_ALL_HINTS = 2 ** 30;

const COLLECT_LOOK_MS = 500;
/** One that is under way when the last fault ends, one that goes through, and one for what an order did not reach. */
const ROUNDS_TO_COLLECT = 3;
/** Of a round, beside its pause: what is asked again and again. */
const ROUND_MS_MAX = 30_000;

/** Of a handoff that failed again and again, of a rotten row that nobody answered for, and of one exchange. */
const PAUSES_MS_MAX = 60_000 + 15_000 + 15_000;

/** Of a change that is under way when all is healed, and of what is misplaced by it. */
const CHANGE_MS_MAX = 120_000;

/** How long a healed cluster may take: two rounds of each of its mechanisms, after the longest of their pauses. */
export function convergenceLimitMs({ settings, spares }: Scenario): number {
  const { handoffIntervalMs, antiEntropyIntervalMs, scrubIntervalMs } = settings;
  const changeMs = spares === undefined ? 0 : CHANGE_MS_MAX;
  return changeMs + PAUSES_MS_MAX + 2 * (handoffIntervalMs + antiEntropyIntervalMs + scrubIntervalMs);
}

/**
 * I4: nobody reads or writes, and everything finds its place: what stand-ins keep goes home, owners compare their
 * copies, rows and leaves that rotted are found. Then nothing changes any more. Returns how long that took.
 */
export async function converge(cluster: Cluster): Promise<number> {
  const { loop, hosts, scenario } = cluster;
  const startedMs = loop.nowMs;
  for (const host of hosts) {
    const wrong = cluster.treeSpoilt.has(host.id) ? undefined : wrongLeaf(host.disk.data);
    if (wrong !== undefined) cluster.violated("tree_wrong", `at ${host.id.slice(-2)} ${wrong}`);
    const isSpoilt = cluster.treeSpoilt.has(host.id) || cluster.rowsRotten.has(host.id);
    const miscounted = isSpoilt ? undefined : tombstonesMiscounted(host.disk.data);
    if (miscounted !== undefined)
      cluster.violated("tombstones_miscounted", `${host.id.slice(-2)} ${miscounted}`);
  }
  const inDoubt = hosts.filter((host) => tombstoneCountOf(host.disk.data).inDoubt);
  let left = divergence(cluster);
  let byHints = mustConvergeByHints(scenario);
  for (let look = 1; left !== undefined && loop.nowMs - startedMs < convergenceLimitMs(scenario); look++) {
    if (byHints && hosts.every((host) => hintsLeft(host) === 0)) {
      byHints = false;
      checkNobodyLeftBehind(cluster);
    }
    await loop.runUntil(loop.nowMs + LOOK_MS);
    left = divergence(cluster);
  }
  const tookMs = loop.nowMs - startedMs;
  if (left !== undefined)
    cluster.violated("not_converged", `${left}, ${tookMs.toFixed(0)} ms after the last fault`);
  else {
    if (inDoubt.length > 0) cluster.marks.hit("tombstones counted again");
    if (cluster.hasSeals) await collect(cluster);
    if (scenario.seed % RESTING_SEEDS === 0) await rest(cluster);
  }
  return tookMs;
}

/** Where nothing was lost on the way and hints had room: then somebody remembers every owner that missed a put. */
function mustConvergeByHints({ faults, settings }: Scenario): boolean {
  return (
    !faults.has("ring_change") &&
    settings.hintBytesMax >= ROOM_FOR_ALL_HINTS &&
    [...faults].every((kind) => HARMLESS_FAULTS.has(kind))
  );
}

/** As soon as the last hint has gone home the owners are equal. Anti-entropy is not waited for. */
function checkNobodyLeftBehind(cluster: Cluster): void {
  const difference = differenceOfOwners(cluster);
  if (difference !== undefined) cluster.violated("owner_left_behind", `no hint is left, and ${difference}`);
}

/** I4: nobody is away any more, so that each deleted key is forgotten everywhere within a few seal rounds. */
async function collect(cluster: Cluster): Promise<void> {
  const { loop, hosts, scenario } = cluster;
  const { sealIntervalMs = 0, sealPauseMs = 0 } = scenario.settings;
  const untilMs = loop.nowMs + ROUNDS_TO_COLLECT * (2 * sealIntervalMs + 1.1 * sealPauseMs + ROUND_MS_MAX);
  const isCollected = (): boolean => tombstonesLeft(hosts) === undefined && divergence(cluster) === undefined;
  while (!isCollected() && loop.nowMs < untilMs) await loop.runUntil(loop.nowMs + COLLECT_LOOK_MS);
  const left = tombstonesLeft(hosts) ?? divergence(cluster);
  if (left !== undefined) cluster.violated("tombstone_not_collected", left);
}

/** What has converged stays as it is, whatever is compared and scrubbed. */
async function rest(cluster: Cluster): Promise<void> {
  const { loop, hosts, scenario } = cluster;
  const { antiEntropyIntervalMs, scrubIntervalMs, gossipIntervalMs } = scenario.settings;
  const before = hosts.map((host) => new Map(host.disk.data.rows));
  const restMs = 2 * Math.max(antiEntropyIntervalMs, scrubIntervalMs, GOSSIP_ROUNDS * gossipIntervalMs);
  await loop.runUntil(loop.nowMs + restMs);
  const unheard = notHeardOf(hosts);
  if (unheard !== undefined) cluster.violated("gossip_not_spread", unheard);
  const left = divergence(cluster);
  if (left !== undefined) cluster.violated("did_not_rest", left);
  const changed = hosts.find(({ disk: { data } }, i) => {
    return (
      data.rows.size !== before[i]!.size ||
      [...data.rows].some(([at, row]) => !isSame(before[i]!.get(at), row))
    );
  });
  if (changed !== undefined) cluster.violated("did_not_rest", `rows of ${changed.id.slice(-2)} have changed`);
}

/** The same bytes, whether or not they were written again: what was rotten is, to be sure. */
function isSame(before: StoredRow | undefined, now: StoredRow): boolean {
  return before === now || (before !== undefined && compareBytes(before.record, now.record) === 0);
}
