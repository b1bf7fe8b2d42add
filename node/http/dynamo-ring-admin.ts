import type { RingChangeProgress, RingPlan } from "../contract/ring-change-types.ts";
import type { NodeId } from "../core/node-id.ts";
import type { PeerDescription } from "../core/ports/peer-directory.ts";
import type { MerkleStore } from "../core/ports/merkle-store.ts";
import type { Timers } from "../core/ports/timers.ts";
import { type ChangePlan, planChange } from "../core/ring/change/change-plan.ts";
import { type ChangePreview, previewChange, type Transfer } from "../core/ring/change/change-preview.ts";
import type { Lack } from "../core/ring/change/change-progress.ts";
import { copiesMoved } from "../core/ring/change/copies-moved.ts";
import type {
  ChangeOutcome,
  RecoveryAttempt,
  RingChanges,
  SubmittedChange,
  SubmittedRecovery,
} from "../core/ring/change/ring-changes.ts";
import type { RingState } from "../core/ring/ring-state.ts";
import type { ElasticRing, Ring } from "../core/ring/ring.ts";
import { knownPeers, type PeerSources } from "./known-peers.ts";
import { partitionBytes } from "./partition-bytes.ts";
import { readInTime } from "./read-in-time.ts";
import type { PlanOutcome, RingAdmin } from "./ring-admin.ts";
import type { PlannedChange } from "./ring-change-body.ts";

/** Plans, progress and requests of ring changes, as a running node answers them for the admin API. */
export interface RingAdminParts extends PeerSources {
  readonly ring: RingState;
  readonly changes: RingChanges;
  readonly store: Pick<MerkleStore, "partitionRoots">;
  readonly storage: () => { readonly keys: number; readonly bytes: number };
  readonly timers: Pick<Timers, "after">;
}

export class DynamoRingAdmin implements RingAdmin {
  readonly #parts: RingAdminParts;

  constructor(parts: RingAdminParts) {
    this.#parts = parts;
  }

  submit(change: SubmittedChange): Promise<ChangeOutcome> {
    return this.#parts.changes.submit(change);
  }

  cancel(changeId: string): Promise<ChangeOutcome> {
    return this.#parts.changes.cancel(changeId);
  }

  recover(recovery: SubmittedRecovery): Promise<RecoveryAttempt> {
    return this.#parts.changes.recover(recovery);
  }

  async plan({ type, joining, leaving }: PlannedChange): Promise<PlanOutcome> {
    const ring = this.#parts.ring.current();
    const hash = this.#parts.ring.hash();
    if (ring === undefined) return { kind: "no_ring" };
    const known = knownPeers(this.#parts);
    const unknown = joining.filter((id) => !known.has(id));
    if (unknown.length > 0) {
      const message = `this node has not met ${unknown.join(", ")}: check their seeds, secret and network`;
      return { kind: "refused", code: "not_joinable", message };
    }
    const request = { type, leaving, joining: joining.map((id) => ({ id, zone: known.get(id)!.zone })) };
    const plan = planChange(ring, request);
    if (!plan.ok) return { kind: "refused", code: plan.code, message: plan.message };
    const bytes = await this.#partitionBytes(ring.parameters.partitions);
    const preview = previewChange(ring, plan, bytes);
    return { kind: "planned", plan: describePlan({ ring, hash, plan, preview, bytes, known }) };
  }

  progress(): RingChangeProgress | undefined {
    const ring = this.#parts.ring.current();
    if (ring?.format !== 2 || ring.change === null) return undefined;
    return describeProgress(ring, this.#parts.changes.lacks());
  }

  async #partitionBytes(partitions: number): Promise<number[] | undefined> {
    const { store, storage, timers } = this.#parts;
    const read = await readInTime(store.partitionRoots(partitions), timers);
    return read.status === "read" ? partitionBytes(read.partitions, storage()) : undefined;
  }
}

function describePlan({
  ring,
  hash,
  plan,
  preview,
  bytes,
  known,
}: {
  ring: Ring;
  hash: string;
  plan: ChangePlan;
  preview: ChangePreview;
  bytes: readonly number[] | undefined;
  known: ReadonlyMap<NodeId, PeerDescription>;
}): RingPlan {
  const zones = new Map([...ring.members, ...plan.members].map(({ id, zone }) => [id, zone]));
  const gained = (id: NodeId, transfers: readonly Transfer[]): number | null =>
    bytes === undefined
      ? null
      : transfers.reduce((sum, { to, partition }) => (to === id ? sum + bytes[partition]! : sum), 0);
  return {
    generation: ring.generation,
    epoch: ring.epoch,
    hash,
    type: plan.request.type,
    joining: plan.request.joining.map(({ id }) => id),
    leaving: plan.request.leaving,
    nodes: preview.nodes.map(({ id, owned, copies }) => ({
      id,
      address: known.get(id)?.address ?? "",
      zone: zones.get(id) ?? "",
      owned,
      copies,
      bytesGained: gained(id, preview.transfers),
    })),
    transfers: preview.transfers.map(({ partition, from, to }) => ({ partition, from: from ?? null, to })),
    copiesMovedMin: preview.copiesMovedMin,
    ownersMoved: preview.ownersMoved,
    ownersMovedMin: preview.ownersMovedMin,
    bytesMoved: preview.bytesMoved ?? null,
  };
}

function describeProgress(ring: ElasticRing, lacks: readonly Lack[]): RingChangeProgress {
  const { changeId, type, phase } = ring.change!;
  const inState = (state: string): NodeId[] =>
    ring.members.filter((member) => member.state === state).map(({ id }) => id);
  const [joining, leaving] = [inState("joining"), inState("leaving")];
  return {
    changeId,
    type,
    phase,
    epoch: ring.epoch,
    node: joining[0] ?? leaving[0] ?? "",
    joining,
    leaving,
    ...copiesMoved(ring, lacks),
    waitsFor: waitsFor(phase, lacks),
  };
}

function waitsFor(phase: "transfer" | "flipped", lacks: readonly Lack[]): string {
  const [first] = lacks;
  if (first === undefined) return "";
  const { partition, node, has, needs } = first;
  if (phase === "transfer" && node !== undefined)
    return `${lacks.length} copies are not complete; partition ${partition} at ${node} is level with ${has} of ${needs} owners`;
  return `owners of ${lacks.length} partitions have yet to take over this epoch; of partition ${partition} ${has} of ${needs} have`;
}
