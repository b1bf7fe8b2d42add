import { DynamoClient } from "../../../client/dynamo-client.ts";
import { DynamoError } from "../../../client/dynamo-error.ts";
import { ClientSession, shownBy, type Shown } from "./client-session.ts";
import type { Violation } from "./checker.ts";
import { pause } from "./fault.ts";
import type { FaultNode } from "./fault-node.ts";
import { OperationLog } from "./operation-log.ts";
import { CounterWorkload } from "./workloads/counter.ts";
import { DeletesWorkload } from "./workloads/deletes.ts";
import { OwnersWorkload } from "./workloads/owners.ts";
import { RegisterWorkload } from "./workloads/register.ts";
import { SetWorkload } from "./workloads/set.ts";
import type { Workload } from "./workloads/workload.ts";

/**
 * All workloads at once, on every side of a fault: the clients of a side reach only its nodes, and share their keys with
 * the clients of the other sides. `readBack` then shows what is left of each key.
 */
export interface Side {
  readonly name: string;
  readonly nodes: readonly FaultNode[];
}

export interface FaultLoadOptions {
  /** Of this run only; all its keys are in it. */
  readonly bucket: string;
  readonly sides: readonly Side[];
  readonly quorums: { readonly r: number; readonly w: number };
  readonly mayBeOutside: boolean;
}

/** Of each workload, on each side. */
const SESSIONS = 2;
const THINK_MS_MAX = 15;
const TIMEOUT_MS = 5_000;
const READ_BACK_PARALLEL = 16;
const READ_BACK_MS_MAX = 30_000;
/** Each with the retries of the client. */
const READ_BACK_ATTEMPTS = 10;
const READ_BACK_PAUSE_MS = 500;
/** N of the clusters of the fault tests. */
const REPLICAS = 3;

export class FaultLoad {
  readonly workloads: readonly Workload[] = [
    new RegisterWorkload(),
    new SetWorkload(),
    new CounterWorkload(),
    new DeletesWorkload(),
    new OwnersWorkload(),
  ];
  readonly log = new OperationLog();
  readonly #options: FaultLoadOptions;
  readonly #clients: DynamoClient[];
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: FaultLoadOptions) {
    this.#options = options;
    this.#clients = options.sides.map(
      ({ nodes }) => new DynamoClient({ endpoints: urlsOf(nodes), retries: 0, timeoutMs: TIMEOUT_MS }),
    );
  }

  get bucket(): string {
    return this.#options.bucket;
  }

  start(): void {
    const { sides } = this.#options;
    const sessions = sides.flatMap((side, i) =>
      this.workloads.flatMap((workload) =>
        Array.from({ length: SESSIONS }, (_, n) =>
          this.#work(workload, this.#session(workload, { side, client: this.#clients[i]!, n })),
        ),
      ),
    );
    this.#running = Promise.all(sessions);
    // Whoever awaits `stop` is told; nobody may be waiting yet.
    this.#running.catch(() => undefined);
  }

  /** Writes acknowledged so far, over all workloads. */
  get acknowledged(): number {
    return this.workloads.reduce((sum, { history }) => sum + history.acknowledged, 0);
  }

  /** Resolves once this many more writes are acknowledged, or the time is up. */
  async moreAcknowledged(more: number, boundMs: number): Promise<void> {
    const [wanted, deadlineMs] = [this.acknowledged + more, performance.now() + boundMs];
    while (this.acknowledged < wanted && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Resolves when every call under way has its answer or has failed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    for (const client of this.#clients) client.close();
  }

  /** Reads every key from all of its owners, through these nodes, and answers by workload what must not be. */
  async readBack(nodes: readonly FaultNode[]): Promise<Map<string, Violation[]>> {
    const client = new DynamoClient({ endpoints: urlsOf(nodes), timeoutMs: READ_BACK_MS_MAX });
    try {
      const found = new Map<string, Violation[]>();
      for (const workload of this.workloads) {
        const finals = await this.#finalsOf(workload, client);
        found.set(workload.name, [
          ...workload.watch.violations,
          ...workload.watch.checkFinal(finals),
          ...workload.checkFinal(finals),
        ]);
      }
      return found;
    } finally {
      client.close();
    }
  }

  async #finalsOf({ history }: Workload, client: DynamoClient): Promise<ReadonlyMap<string, Shown>> {
    const finals = new Map<string, Shown>();
    const open = [...history.keys()];
    const work = async (): Promise<void> => {
      for (let key = open.pop(); key !== undefined; key = open.pop()) {
        const shown = await readOne(client, this.#options.bucket, key);
        if (shown !== undefined) finals.set(key, shown);
      }
    };
    await Promise.all(Array.from({ length: READ_BACK_PARALLEL }, work));
    return finals;
  }

  #session(workload: Workload, at: { side: Side; client: DynamoClient; n: number }): ClientSession {
    const { bucket, quorums, mayBeOutside } = this.#options;
    return new ClientSession({
      name: `${bucket}/${workload.name}/${at.side.name.replaceAll(" ", "-")}/${at.n}`,
      side: at.side.name,
      workload: workload.name,
      bucket,
      quorums: workload.quorums?.(quorums) ?? quorums,
      mayBeOutside,
      client: at.client,
      history: workload.history,
      log: this.log,
    });
  }

  async #work(workload: Workload, session: ClientSession): Promise<void> {
    while (!this.#stopping) {
      await workload.step(session);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * THINK_MS_MAX));
    }
  }
}

/**
 * From all owners at once. That an owner's row rotted is found by the read itself, which is then short of one copy and
 * refused; the row is written anew at once, and a later read has all three. Undefined where that takes too long, which
 * the check of the final state then says.
 */
async function readOne(client: DynamoClient, bucket: string, key: string): Promise<Shown | undefined> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return shownBy(key, await client.get(bucket, key, { r: REPLICAS, pr: REPLICAS }));
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      if (attempts === READ_BACK_ATTEMPTS) return undefined;
    }
    await pause(READ_BACK_PAUSE_MS);
  }
}

function urlsOf(nodes: readonly FaultNode[]): string[] {
  return nodes.map((node) => `http://${node.client}`);
}
