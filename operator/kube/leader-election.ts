import type { KubernetesObject } from "@kubernetes/client-node";
import { isConflict, isNotFound } from "./api-connection.ts";
import type { KubeClient } from "./kube-client.ts";
import { type ObjectName, RESOURCES } from "./resource-path.ts";

/**
 * One operator leads, the others wait: whoever holds the Lease. The holder renews it; who finds that it was not renewed
 * for its whole duration, by the clock of the one who looks, takes it. A holder that cannot renew in time stops leading
 * before anybody else may start, and ends: a process that led once never leads again with half-known state.
 */
export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly lease: ObjectName;
  /** Who this is: the pod's name and something random. */
  readonly identity: string;
  /** Whether that holder has certainly ended: an earlier process of this very pod. Its lease is not waited for. */
  readonly hasEnded?: (holder: string) => boolean;
  readonly onLeading: () => void;
  /** The lease is lost: the process must end at once. */
  readonly onLost: (why: string) => void;
  readonly onTrouble: (message: string) => void;
  readonly timing?: LeaseTiming;
}

export interface LeaseTiming {
  readonly durationMs: number;
  /** A holder that could not renew for this long gives up; below the duration. */
  readonly renewWithinMs: number;
  readonly everyMs: number;
}

/** Nodes serve without an operator: rather few requests than a quick change of leaders. */
const defaultTiming: LeaseTiming = { durationMs: 20_000, renewWithinMs: 14_000, everyMs: 5_000 };

interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #timing: LeaseTiming;
  /** The record that others wrote last and when this process first saw it: clocks of machines are not compared. */
  #seen: { readonly record: string; readonly atMs: number } | undefined;
  /** As this process wrote it last: renewing it costs one request. */
  #written: Lease | undefined;
  #renewedMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #giveUp: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#timing = options.timing ?? defaultTiming;
  }

  get isLeading(): boolean {
    return this.#renewedMs !== undefined && !this.#stopped;
  }

  start(): void {
    void this.#turn();
  }

  /** Gives the lease back, so that the next operator need not wait for it to run out. */
  async stop(): Promise<void> {
    const led = this.isLeading;
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#giveUp);
    if (!led) return;
    try {
      const { client, lease, identity } = this.#options;
      const current = await client.get<Lease>(RESOURCES.leases, lease);
      if (current.spec?.holderIdentity !== identity) return;
      await client.replace(RESOURCES.leases, lease, {
        ...current,
        spec: { ...current.spec, holderIdentity: "", leaseDurationSeconds: 1 },
      });
    } catch {
      // It runs out by itself.
    }
  }

  async #turn(): Promise<void> {
    if (this.#stopped) return;
    const startedMs = performance.now();
    const held = await this.#acquireOrRenew();
    if (this.#stopped) return;
    if (held) {
      const first = this.#renewedMs === undefined;
      // The lease counts from before the request: others see it no earlier.
      this.#renewedMs = startedMs;
      this.#giveUpAt(startedMs + this.#timing.renewWithinMs);
      if (first) this.#options.onLeading();
    }
    this.#timer = setTimeout(() => void this.#turn(), this.#timing.everyMs * (0.9 + Math.random() / 5));
  }

  /** By a timer of its own: a request that hangs must not keep a holder in office. */
  #giveUpAt(atMs: number): void {
    clearTimeout(this.#giveUp);
    this.#giveUp = setTimeout(() => {
      if (!this.isLeading) return;
      this.#stopped = true;
      clearTimeout(this.#timer);
      this.#options.onLost(`the lease could not be renewed for ${this.#timing.renewWithinMs} ms`);
    }, atMs - performance.now());
  }

  async #acquireOrRenew(): Promise<boolean> {
    const { client, lease, identity } = this.#options;
    try {
      const current = this.#written ?? (await this.#read());
      if (current === undefined) {
        this.#written = await client.create<Lease>({ ...header(lease), spec: this.#record(undefined) });
        return true;
      }
      const { spec } = current;
      const isMine = spec?.holderIdentity === identity;
      if (!isMine && !this.#hasRunOut(current)) {
        if (this.#renewedMs !== undefined) {
          this.#stopped = true;
          this.#options.onLost(`${spec?.holderIdentity ?? "somebody"} holds the lease`);
        }
        return false;
      }
      const renewed = { ...current, spec: this.#record(isMine ? spec : undefined, spec) };
      // The resourceVersion within makes this fail where somebody else was faster.
      this.#written = await client.replace(RESOURCES.leases, lease, renewed);
      return true;
    } catch (error) {
      this.#written = undefined;
      if (!isConflict(error)) this.#options.onTrouble(String(error));
      return false;
    }
  }

  async #read(): Promise<Lease | undefined> {
    const { client, lease } = this.#options;
    try {
      return await client.get<Lease>(RESOURCES.leases, lease);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #hasRunOut({ spec }: Lease): boolean {
    if (spec?.holderIdentity === undefined || spec.holderIdentity === "") return true;
    if (this.#options.hasEnded?.(spec.holderIdentity) === true) return true;
    const record = `${spec.holderIdentity} ${spec.renewTime} ${spec.leaseTransitions}`;
    const nowMs = performance.now();
    if (this.#seen?.record !== record) this.#seen = { record, atMs: nowMs };
    return nowMs - this.#seen.atMs > (spec.leaseDurationSeconds ?? 20) * 1_000;
  }

  #record(mine: Lease["spec"], before?: Lease["spec"]): NonNullable<Lease["spec"]> {
    const now = new Date().toISOString().replace("Z", "000Z");
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#timing.durationMs / 1_000),
      acquireTime: mine?.acquireTime ?? now,
      renewTime: now,
      leaseTransitions:
        (before?.leaseTransitions ?? 0) + (mine === undefined && before !== undefined ? 1 : 0),
    };
  }
}

function header({ namespace, name }: ObjectName) {
  return {
    apiVersion: RESOURCES.leases.apiVersion,
    kind: RESOURCES.leases.kind,
    metadata: { namespace, name },
  };
}
