import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { adminTokenFrom, ensureClusterSecret } from "../../../client/cluster-secret.ts";
import { AdminClient } from "../../../client/admin-client.ts";
import { BoundedWait } from "../../../client/local/bounded-wait.ts";
import { awaitServing } from "../../../client/local/ring-start.ts";
import type { AdminPreferenceList, AdminReplica, AdminStatus } from "../../../node/contract/admin-types.ts";
import { FaultNode } from "./fault-node.ts";
import { makeDiskSmall, removeSmallDisk, slowDiskEnvironment } from "./node-disks.ts";
import { PacketFilter } from "./packet-filter.ts";
import { VolatileDisks } from "./power-loss.ts";
import { compiledShim } from "./preloaded-library.ts";

/**
 * A cluster of real processes that faults can be done to: node i is at 127.0.1.i, with the same ports everywhere. Lives
 * in the test's private network, so clusters of other tests on the same machine do not meet it. Where it has spares, who is
 * a member changes: then `nodes` are all processes, and `members` those that the ring listed when it was last settled.
 */
const REQUEST_MS_MAX = 5_000;
const CLUSTER_ID = "faults";
const RAISE_MS_MAX = 30_000;
const RAISE_POLL_MS = 100;

/** small: file systems that can be filled. volatile: what is not synced can be lost. Else syncs can be slowed down. */
export type Disks = "plain" | "small" | "volatile";

export interface ClusterSize {
  /** Of the ring as it is formed. */
  readonly members: number;
  /** Nodes that run beside them and wait to join: without any the ring never changes. */
  readonly spares: number;
  /** Q; as a ring is formed without being told where undefined. */
  readonly partitions?: number;
}

export class FaultCluster {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-faults-"));
  readonly size: ClusterSize;
  readonly network: PacketFilter;
  readonly #secretFile = path.join(this.directory, "cluster-secret");
  readonly #byId = new Map<string, FaultNode>();
  readonly #disks: Disks;
  #volatile: VolatileDisks | undefined;
  #nodes: readonly FaultNode[];
  #members: readonly FaultNode[];
  #token = "";

  constructor(size: ClusterSize, disks: Disks = "plain") {
    this.size = size;
    this.#disks = disks;
    const count = size.members + size.spares;
    const hosts = Array.from({ length: count }, (_, i) => `127.0.1.${i + 1}`);
    this.network = new PacketFilter(hosts);
    const peers = hosts.map((host) => `${host}:7080`);
    this.#nodes = hosts.map((host, i) => {
      const directory = path.join(this.directory, `node-${i + 1}`);
      mkdirSync(directory);
      const mayBeOutside = this.canChange;
      return new FaultNode({
        index: i + 1,
        host,
        directory,
        peers,
        mayBeOutside,
        secretFile: this.#secretFile,
      });
    });
    this.#members = this.#nodes.slice(0, size.members);
  }

  /** All of them, in the order in which faults take their victims. */
  get nodes(): readonly FaultNode[] {
    return this.#nodes;
  }

  /** Those in the ring, as `settled` last found it. */
  get members(): readonly FaultNode[] {
    return this.#members;
  }

  get canChange(): boolean {
    return this.size.spares > 0;
  }

  /** Of the admin API. */
  get token(): string {
    return this.#token;
  }

  /** Where members come and go, any of them may be the first: faults meet spares, joining and leaving nodes too. */
  shuffle(): void {
    if (!this.canChange) return;
    this.#nodes = this.#nodes
      .map((node) => ({ node, at: Math.random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ node }) => node);
  }

  /** The ring has come to rest on these. */
  settled(memberIds: readonly string[]): void {
    this.#members = memberIds.map((id) => this.byId(id));
  }

  /** Starts all nodes and forms their ring, N=3. */
  async form(): Promise<void> {
    await this.network.open();
    this.#prepareDisks();
    await ensureClusterSecret(this.#secretFile);
    this.#token = await adminTokenFrom(this.#secretFile);
    for (const node of this.nodes) node.spawn();
    if (this.size.partitions !== undefined) await this.#formOf(this.size.partitions);
    await awaitServing({
      nodes: this.members,
      size: this.members.length,
      clusterId: CLUSTER_ID,
      token: this.#token,
      progress: () => undefined,
    });
    for (const node of this.nodes) {
      await node.answers();
      this.#byId.set((await this.status(node)).node.id, node);
    }
    if (this.canChange) await this.#raised();
  }

  async #formOf(partitions: number): Promise<void> {
    const admins = this.members.map(
      (node) =>
        new AdminClient({ endpoint: `http://${node.admin}`, token: this.#token, timeoutMs: REQUEST_MS_MAX }),
    );
    const wait = new BoundedWait(this.members, () => undefined);
    try {
      await wait.until("for the ring to form", async () => {
        const statuses = await Promise.all(admins.map((admin) => admin.status()));
        const members = statuses.map(({ node }) => node.id);
        await admins[0]!.formRing({ clusterId: CLUSTER_ID, members, partitions });
      });
    } finally {
      for (const admin of admins) admin.close();
    }
  }

  /** A ring can change once its members have raised it to the format that says how. */
  async #raised(): Promise<void> {
    const deadlineMs = performance.now() + RAISE_MS_MAX;
    for (;;) {
      const { ring } = await this.status(this.members[0]!);
      if (ring.epoch > 1) return;
      if (performance.now() > deadlineMs) throw new Error(`the ring is at epoch ${ring.epoch}, not raised`);
      await new Promise((resolve) => setTimeout(resolve, RAISE_POLL_MS));
    }
  }

  /** Starts those that do not run, all at once, and resolves when they serve, or say that they are no members. */
  async startAll(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => !node.isRunning).map((node) => node.start()));
  }

  byId(id: string): FaultNode {
    const node = this.#byId.get(id);
    if (node === undefined) throw new Error(`no node of this cluster is ${id}`);
    return node;
  }

  idOf(node: FaultNode): string {
    for (const [id, candidate] of this.#byId) if (candidate === node) return id;
    throw new Error(`node ${node.index} has not told its id`);
  }

  status(node: FaultNode): Promise<AdminStatus> {
    return this.admin<AdminStatus>(node, "status");
  }

  /** The owners of the key, the preferred coordinator first, as the first running member knows them. */
  async ownersOf(bucket: string, key: string): Promise<FaultNode[]> {
    const asked = this.members.find((node) => node.isRunning);
    if (asked === undefined) throw new Error("no member is running");
    const { owners } = await this.admin<AdminPreferenceList>(asked, `preference-list/${bucket}/${key}`);
    return owners.map(({ id }) => this.byId(id));
  }

  /** The node's own copy; undefined where it has none, "rotten" where its row does not match its digest. */
  async replica(node: FaultNode, bucket: string, key: string): Promise<AdminReplica | "rotten" | undefined> {
    try {
      return await this.adminUnless404<AdminReplica>(node, `replica/${bucket}/${key}`);
    } catch (error) {
      if (String(error).includes("the row is corrupt")) return "rotten";
      throw error;
    }
  }

  async admin<T>(node: FaultNode, name: string): Promise<T> {
    const answer = await this.adminUnless404<T>(node, name);
    if (answer === undefined) throw new Error(`node ${node.index}: /admin/v1/${name} is not found`);
    return answer;
  }

  async adminUnless404<T>(node: FaultNode, name: string): Promise<T | undefined> {
    const signal = AbortSignal.timeout(REQUEST_MS_MAX);
    const answer = await fetch(`http://${node.admin}/admin/v1/${name}`, { signal });
    const text = await answer.text();
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`node ${node.index}: /admin/v1/${name}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** Hints kept anywhere, by the owner they wait for. Every node must be running. */
  async hintsPending(nodes: readonly FaultNode[] = this.nodes): Promise<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { hints } of await Promise.all(nodes.map((node) => this.status(node)))) {
      for (const [owner, count] of Object.entries(hints.pending)) sums[owner] = (sums[owner] ?? 0) + count;
    }
    return sums;
  }

  /** Ends these processes at once; what they had not synced is gone. The cluster must have volatile disks. */
  async losePower(nodes: readonly FaultNode[]): Promise<void> {
    if (this.#volatile === undefined) throw new Error("only a cluster with volatile disks can lose power");
    await Promise.all(nodes.map((node) => node.end("SIGKILL")));
    this.#volatile.lose(nodes);
  }

  /** Ends every process, and deletes all files unless somebody will want to look at them. */
  async remove({ keepFiles = false } = {}): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end("SIGKILL")));
    await this.network.close();
    if (this.#disks === "small") for (const node of this.nodes) removeSmallDisk(node);
    this.#volatile?.remove();
    if (!keepFiles) rmSync(this.directory, { recursive: true, force: true });
  }

  #prepareDisks(): void {
    if (this.#disks === "volatile") {
      this.#volatile = new VolatileDisks(this.directory, this.nodes);
      this.#volatile.prepare();
      for (const node of this.nodes) node.env = this.#volatile.environment();
      return;
    }
    const library = compiledShim("slow-disk", this.directory);
    for (const node of this.nodes) {
      if (this.#disks === "small") makeDiskSmall(node);
      node.env = slowDiskEnvironment(node, library);
    }
  }
}
