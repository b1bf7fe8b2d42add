import { md5Digester } from "../../../node/adapters/md5.ts";
import { digestMessage } from "../../../node/core/membership/gossip-messages.ts";
import { encodeControl } from "../../../node/core/peers/control-channel.ts";
import { planChange } from "../../../node/core/ring/change/change-plan.ts";
import { previewChange } from "../../../node/core/ring/change/change-preview.ts";
import type { ChangeRequest } from "../../../node/core/ring/change/change-request.ts";
import { routesOf } from "../../../node/core/ring/change/change-routes.ts";
import { takeStep } from "../../../node/core/ring/change/change-steps.ts";
import { formedRing, parseRing, ringBytes, ringDigest } from "../../../node/core/ring/ring-document.ts";
import type { ElasticRing, FormedRing } from "../../../node/core/ring/ring.ts";
import { heapBytesOf } from "./heap.ts";
import { nodeIdOf, zoneOf } from "./scale-world.ts";

/** What a ring of so many members and partitions costs the one thread of a node. Milliseconds are of this machine, medians. */
export interface RingCosts {
  readonly nodes: number;
  readonly partitions: number;
  /** The claim of a first ring. */
  readonly claimMs: number;
  readonly planJoinMs: number;
  readonly planLeaveMs: number;
  /** What a join moves, for whoever asks. */
  readonly previewMs: number;
  /** Canonical bytes and MD5; the other way round. */
  readonly digestMs: number;
  readonly parseMs: number;
  /** Preference lists of all partitions, in a settled ring and while it changes. */
  readonly routesMs: number;
  readonly changingRoutesMs: number;
  readonly documentBytes: number;
  /** The document and its preference lists in memory. */
  readonly heapBytes: number;
  /** The question of a round of gossip. */
  readonly gossipDigestBytes: number;
}

export function ringCosts(nodes: number, partitions: number): RingCosts {
  const members = Array.from({ length: nodes }, (_, index) => ({ id: nodeIdOf(index), zone: zoneOf(index) }));
  const parameters = { partitions, replicas: 3, hash: "md5", leafFormat: 1 } as const;
  const form = (): FormedRing => formedRing({ clusterId: "scale", members, parameters });
  const ring = raised(form());
  const joiner = { id: nodeIdOf(nodes), zone: zoneOf(nodes) };
  const join: ChangeRequest = { type: "join", joining: [joiner], leaving: [] };
  const leave: ChangeRequest = { type: "leave", joining: [], leaving: [nodeIdOf(nodes >>> 1)] };
  const bytes = ringBytes(ring);
  const changing = begun(ring, join);
  const plan = planned(ring, join);
  return {
    nodes,
    partitions,
    claimMs: medianMs(form),
    planJoinMs: medianMs(() => planned(ring, join)),
    planLeaveMs: medianMs(() => planned(ring, leave)),
    previewMs: medianMs(() => previewChange(ring, plan)),
    digestMs: medianMs(() => ringDigest(ring, md5Digester)),
    parseMs: medianMs(() => parseRing(bytes)),
    routesMs: medianMs(() => routesOf(ring)),
    changingRoutesMs: medianMs(() => routesOf(changing)),
    documentBytes: bytes.length,
    heapBytes: heapBytesOf(() => {
      const parsed = parseRing(bytes);
      return [parsed, routesOf(parsed)];
    }),
    gossipDigestBytes: gossipDigestBytes(ring),
  };
}

/** A time as a process has that is started in these years. */
const INCARNATION = 1_767_225_600_000;

function gossipDigestBytes(ring: ElasticRing): number {
  const { clusterId, generation, epoch, parameters, members } = ring;
  const digest = ringDigest(ring, md5Digester);
  const summary = { clusterId, generation, epoch, parameters, digest };
  const stamps = members.map(({ id }) => [id, INCARNATION, 10] as const);
  return encodeControl(digestMessage({ ring: summary, stamps })).length;
}

function raised(ring: FormedRing): ElasticRing {
  const ringStores = new Map(ring.members.map(({ id }) => [id, STORE]));
  return stepped(takeStep(ring, { kind: "raise", ringStores }));
}

function begun(ring: ElasticRing, { type, joining, leaving }: ChangeRequest): ElasticRing {
  const { nextOwners } = planned(ring, { type, joining, leaving });
  const stored = joining.map((node) => ({ ...node, ringStore: STORE }));
  return stepped(
    takeStep(ring, { kind: "begin", changeId: "change", type, joining: stored, leaving, nextOwners }),
  );
}

const STORE = "0123456789abcdef";

function stepped(outcome: ReturnType<typeof takeStep>): ElasticRing {
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.ring;
}

function planned(ring: ElasticRing, request: ChangeRequest) {
  const plan = planChange(ring, request);
  if (!plan.ok) throw new Error(plan.message);
  return plan;
}

const RUNS_MAX = 15;
/** Slow ones are measured less often. */
const MEASURED_MS = 300;

/** The first run, for the compiler, does not count. */
function medianMs(run: () => unknown): number {
  run();
  const times: number[] = [];
  for (let sumMs = 0; times.length < RUNS_MAX && (times.length < 3 || sumMs < MEASURED_MS);) {
    const startedMs = performance.now();
    run();
    const tookMs = performance.now() - startedMs;
    times.push(tookMs);
    sumMs += tookMs;
  }
  return times.sort((a, b) => a - b)[times.length >>> 1]!;
}
