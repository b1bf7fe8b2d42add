import { randomBytes } from "node:crypto";
import type { AdminRing } from "../../../node/contract/admin-types.ts";
import type { RingChangeRequest } from "../../../node/contract/ring-change-types.ts";
import type { FaultCluster } from "./fault-cluster.ts";
import type { FaultNode } from "./fault-node.ts";
import { pause } from "./fault.ts";
import { drawChange } from "./ring-change-draw.ts";
import { type ChangeCounts, SeenChanges } from "./seen-changes.ts";

/**
 * Changes of the ring, one after the other for as long as it is told to: nodes join, leave, come back and are replaced, some
 * changes are cancelled, and now and then two are asked for at once. Any node is asked, whether it is dead, cut off, or no
 * member: it may refuse, and what it does not answer may be done all the same. So what was done is told from the rings.
 */
export interface RingChangeResult extends ChangeCounts {
  /** Requests to begin a change. */
  readonly asked: number;
  /** By code of the answer, or "no answer": requests to begin or cancel that were not granted. */
  readonly refused: Readonly<Record<string, number>>;
}

const LOOK_MS = 300;
const LOOK_MS_MAX = 500;
const ANSWER_MS_MAX = 20_000;
const PENDING_MAX = 2;
/** Between a change that is over and the next. */
const REST_MS_MAX = 800;
const CANCELLED = 0.25;
/** After it was seen to have begun. */
const CANCEL_MS_MAX = 1_500;
const TWO_AT_ONCE = 0.25;
/** Refusals of what no ring could grant: the request itself is wrong. */
const WRONG_STATUS = 400;

export class RingChangeLoad {
  readonly #cluster: FaultCluster;
  readonly #seen = new SeenChanges();
  readonly #pending = new Set<Promise<void>>();
  readonly #refused = new Map<string, number>();
  /** Of those that are not to be cancelled: Infinity. */
  readonly #cancelAtMs = new Map<string, number>();
  readonly #failures: string[] = [];
  #asked = 0;
  #askAtMs = 0;
  #isAsking = true;
  #isLooking = true;
  #running: Promise<void> = Promise.resolve();

  constructor(cluster: FaultCluster) {
    this.#cluster = cluster;
  }

  /** Answers that no node may give. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  start(): void {
    this.#running = this.#run();
    // Whoever awaits `stop` is told; nobody may be waiting yet.
    this.#running.catch(() => undefined);
  }

  /** Asks for nothing more, and resolves once the ring is seen settled, or the time is up. */
  async settled(boundMs: number): Promise<void> {
    this.#isAsking = false;
    const deadlineMs = performance.now() + boundMs;
    await Promise.all(this.#pending);
    while (this.#seen.latest?.change !== null && performance.now() < deadlineMs) await pause(LOOK_MS);
  }

  async stop(): Promise<RingChangeResult> {
    this.#isAsking = false;
    await Promise.all(this.#pending);
    await this.#look();
    this.#isLooking = false;
    await this.#running;
    return { asked: this.#asked, ...this.#seen.counts(), refused: Object.fromEntries(this.#refused) };
  }

  async #run(): Promise<void> {
    while (this.#isLooking) {
      await this.#look();
      if (this.#isAsking) this.#act();
      await pause(LOOK_MS);
    }
  }

  async #look(): Promise<void> {
    const rings = await Promise.all(this.#cluster.nodes.map(ringOf));
    for (const ring of rings) if (ring !== undefined) this.#seen.saw(ring);
  }

  #act(): void {
    const ring = this.#seen.latest;
    const nowMs = performance.now();
    if (ring === undefined || this.#pending.size >= PENDING_MAX) return;
    if (ring.change !== null) {
      this.#askAtMs = nowMs + Math.random() * REST_MS_MAX;
      this.#cancelWhenDue(ring.change.changeId, nowMs);
    } else if (nowMs >= this.#askAtMs) {
      this.#ask(ring);
      if (Math.random() < TWO_AT_ONCE) this.#ask(ring);
      this.#askAtMs = nowMs + Math.random() * REST_MS_MAX;
    }
  }

  #cancelWhenDue(changeId: string, nowMs: number): void {
    let atMs = this.#cancelAtMs.get(changeId);
    if (atMs === undefined) {
      atMs = Math.random() < CANCELLED ? nowMs + Math.random() * CANCEL_MS_MAX : Infinity;
      this.#cancelAtMs.set(changeId, atMs);
    }
    if (nowMs < atMs) return;
    this.#cancelAtMs.set(changeId, Infinity);
    this.#send("changes/cancel", { changeId });
  }

  #ask(ring: AdminRing): void {
    const ids = this.#cluster.nodes.map((node) => this.#cluster.idOf(node));
    const drawn = drawChange(ring, ids, Math.random);
    if (drawn === undefined) return;
    this.#asked += 1;
    const changeId = `${drawn.type}-${randomBytes(6).toString("hex")}`;
    this.#send("changes", { changeId, epoch: ring.epoch, ...drawn });
  }

  #send(what: "changes", body: RingChangeRequest): void;
  #send(what: "changes/cancel", body: { changeId: string }): void;
  #send(what: string, body: { changeId: string }): void {
    const { nodes, token } = this.#cluster;
    const node = nodes[Math.floor(Math.random() * nodes.length)]!;
    const sent = posted(node, { path: `ring/${what}`, body, token }).then(({ status, code }) => {
      if (status === 200 && what === "changes") this.#seen.begun(body.changeId);
      if (status === 200) return;
      this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
      if (status === WRONG_STATUS || status === 500)
        this.#failures.push(`node ${node.index} answered ${status} ${code} to ${JSON.stringify(body)}`);
    });
    this.#pending.add(sent);
    void sent.finally(() => this.#pending.delete(sent));
  }
}

/** Undefined where it has none, or does not answer in time. */
export async function ringOf(node: FaultNode): Promise<AdminRing | undefined> {
  if (!node.isRunning) return undefined;
  try {
    const signal = AbortSignal.timeout(LOOK_MS_MAX);
    const answer = await fetch(`http://${node.admin}/admin/v1/ring`, { signal });
    return answer.ok ? ((await answer.json()) as AdminRing) : undefined;
  } catch {
    return undefined;
  }
}

async function posted(
  node: FaultNode,
  { path, body, token }: { path: string; body: unknown; token: string },
): Promise<{ readonly status: number; readonly code: string }> {
  try {
    const answer = await fetch(`http://${node.admin}/admin/v1/${path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const { error } = (await answer.json()) as { error?: { code: string } };
    return { status: answer.status, code: error?.code ?? "" };
  } catch {
    return { status: 0, code: "no answer" };
  }
}
