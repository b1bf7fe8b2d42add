import { randomInt } from "node:crypto";
import { expect } from "chai";
import { AdminClient } from "../../client/admin-client.ts";
import { DynamoError } from "../../client/dynamo-error.ts";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import type { RingChangeResult, RingChangeType } from "../../node/contract/ring-change-types.ts";
import { convergedAfter } from "./faults/convergence.ts";
import { FaultCluster } from "./faults/fault-cluster.ts";
import type { FaultNode } from "./faults/fault-node.ts";
import { ringOf } from "./faults/ring-change-load.ts";
import { readBack, Workload } from "./faults/workload.ts";

/**
 * A ring of three and two spares on addresses of their own, with clients that read, write and delete all the time through
 * the client library, pointed at all five. What happens to it must not show: `settle` and `quiet` check that.
 */
const KEYS = 200;
const CLIENTS = 4;
const THINK_MS_MAX = 40;
/** A change takes some seconds: enough to do something in the middle of it. */
const PARTITIONS = 128;
/** Acknowledged writes after each change. */
const STEP = 40;
const ADMIN_MS_MAX = 30_000;
const WAIT_MS_MAX = 120_000;
const POLL_MS = 20;
/** Less than copies take to move. */
const MOVING_MS_MAX = 500;
/** The joining node has not said yet which ring store it has; a node that left was let go of meanwhile. */
const EARLY = ["not_joinable", "epoch_passed"];

/** Of a change: copies move and are not complete; all are, and the flip is due; the new owners take over. */
export type Moment = "moving" | "moved" | "flipped";

export interface Asked {
  readonly type: RingChangeType;
  readonly joining?: readonly FaultNode[];
  readonly leaving?: readonly FaultNode[];
}

export class ChangingCluster {
  readonly cluster = new FaultCluster({ members: 3, spares: 2, partitions: PARTITIONS });
  readonly load = new Workload({
    name: "changing",
    endpoints: this.cluster.nodes.map(({ client }) => `http://${client}`),
    clients: CLIENTS,
    thinkMsMax: THINK_MS_MAX,
    loaded: KEYS,
  });
  readonly #admins = new Map<FaultNode, AdminClient>();
  #changes = 0;

  async start(): Promise<void> {
    await this.cluster.form();
    const { token } = this.cluster;
    for (const node of this.nodes)
      this.#admins.set(
        node,
        new AdminClient({ endpoint: `http://${node.admin}`, token, timeoutMs: ADMIN_MS_MAX }),
      );
    await this.load.load();
    this.load.start();
    await this.load.history.moreAcknowledged(STEP);
  }

  async remove(): Promise<void> {
    await this.load.stop();
    for (const admin of this.#admins.values()) admin.close();
    await this.cluster.remove();
  }

  get nodes(): readonly FaultNode[] {
    return this.cluster.nodes;
  }

  admin(node: FaultNode): AdminClient {
    return this.#admins.get(node)!;
  }

  idsOf(nodes: readonly FaultNode[]): string[] {
    return nodes.map((node) => this.cluster.idOf(node));
  }

  /** Members of the latest ring, the one that leads changes first. */
  async members(): Promise<FaultNode[]> {
    const { members } = await this.ring();
    return members
      .map(({ id }) => id)
      .toSorted()
      .map((id) => this.cluster.byId(id));
  }

  /** The latest that a running node serves. */
  async ring(): Promise<AdminRing> {
    const rings = (await Promise.all(this.nodes.map(ringOf))).filter((ring) => ring !== undefined);
    const [latest] = rings.toSorted((a, b) => b.generation - a.generation || b.epoch - a.epoch);
    if (latest === undefined) throw new Error("no node answers with its ring");
    return latest;
  }

  /**
   * Asks that node for a change of the latest ring, again while something stands in its way that passes by itself. Rejects
   * with DynamoError.
   */
  async ask(node: FaultNode, asked: Asked): Promise<RingChangeResult> {
    const endMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      try {
        const { epoch } = await this.ring();
        return await this.askOn(node, asked, epoch);
      } catch (error) {
        const isEarly = error instanceof DynamoError && EARLY.includes(error.code);
        if (!isEarly || performance.now() > endMs) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  askOn(node: FaultNode, { type, joining, leaving }: Asked, epoch: number): Promise<RingChangeResult> {
    this.#changes += 1;
    return this.admin(node).beginRingChange({
      changeId: `${type}-${this.#changes}`,
      type,
      epoch,
      ...(joining === undefined ? {} : { joining: this.idsOf(joining) }),
      ...(leaving === undefined ? {} : { leaving: this.idsOf(leaving) }),
    });
  }

  /** How far it is, as `node` knows: whoever is asked leads the change too. Rejects where it is over. */
  async untilMoment(moment: Moment, node: FaultNode): Promise<void> {
    let begun = false;
    const isOver = await this.until(`the change is ${moment}`, async () => {
      const progress = await this.admin(node).ringChangeProgress();
      if (progress === undefined) return begun ? "over" : false;
      begun = true;
      const { phase, moved, total } = progress;
      if (moment === "moving") return phase === "transfer" && moved < total;
      return phase === "flipped" || (moment === "moved" && moved === total);
    });
    if (isOver === "over") throw new Error(`the change was over before it was seen to be ${moment}`);
    if (moment === "moving") await new Promise((resolve) => setTimeout(resolve, randomInt(MOVING_MS_MAX)));
  }

  /** Resolves when the ring is settled on these, and every running node that was a member knows. */
  async untilSettled(members: readonly FaultNode[]): Promise<void> {
    const ids = this.idsOf(members).toSorted();
    await this.until(`the ring is settled on ${ids.join(", ")}`, async () => {
      const rings = await Promise.all(members.filter((node) => node.isRunning).map(ringOf));
      return rings.every(
        (ring) =>
          ring?.change === null && String(ring.members.map(({ id }) => id).toSorted()) === String(ids),
      );
    });
    this.cluster.settled(ids);
  }

  /** Nobody has noticed anything so far, and clients write on. */
  async expectUnnoticed(): Promise<void> {
    await this.load.history.moreAcknowledged(STEP);
    expect(this.load.history.errors).to.deep.equal([]);
    expect(this.load.violations).to.deep.equal([]);
  }

  /** Resolves when a node that has left keeps nothing any more: then it may join again. */
  async untilEmpty(node: FaultNode): Promise<void> {
    await this.until(`node ${node.index} keeps nothing`, async () => {
      const { storage, hints } = await this.cluster.status(node);
      return storage.keys === 0 && Object.keys(hints.pending).length === 0;
    });
  }

  /** Ends the load; every acknowledged write is there, nothing comes back, and all copies are equal and where they belong. */
  async expectWhole(): Promise<void> {
    await this.load.stop();
    await convergedAfter(this.cluster, WAIT_MS_MAX);
    const endpoints = this.cluster.members.map(({ client }) => `http://${client}`);
    expect(await readBack(this.load.history, endpoints)).to.deep.equal([]);
  }

  /** Resolves with the first answer that is not false; a call that fails has not answered yet. */
  async until<T>(what: string, ask: () => Promise<T | false>): Promise<T> {
    const endMs = performance.now() + WAIT_MS_MAX;
    for (;;) {
      const answer = await ask().catch((): false => false);
      if (answer !== false) return answer;
      if (performance.now() > endMs) throw new Error(`not within ${WAIT_MS_MAX} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
