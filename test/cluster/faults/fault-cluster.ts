import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { adminTokenFrom, ensureClusterSecret } from "../../../client/cluster-secret.ts";
import { awaitServing } from "../../../client/local/ring-start.ts";
import type { AdminPreferenceList, AdminReplica, AdminStatus } from "../../../node/contract/admin-types.ts";
import { FaultNode } from "./fault-node.ts";
import { makeDiskSmall, removeSmallDisk, slowDiskEnvironment } from "./node-disks.ts";
import { PacketFilter } from "./packet-filter.ts";
import { VolatileDisks } from "./power-loss.ts";
import { compiledShim } from "./preloaded-library.ts";

/**
 * A cluster of real processes that faults can be done to: node i is at 127.0.1.i, with the same ports everywhere. Lives
 * in the test's private network, so clusters of other tests on the same machine do not meet it.
 */
const REQUEST_MS_MAX = 5_000;

/** small: file systems that can be filled. volatile: what is not synced can be lost. Else syncs can be slowed down. */
export type Disks = "plain" | "small" | "volatile";

export class FaultCluster {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-faults-"));
  readonly nodes: readonly FaultNode[];
  readonly network: PacketFilter;
  readonly #secretFile = path.join(this.directory, "cluster-secret");
  readonly #byId = new Map<string, FaultNode>();
  readonly #disks: Disks;
  #volatile: VolatileDisks | undefined;

  constructor(count: number, disks: Disks = "plain") {
    this.#disks = disks;
    const hosts = Array.from({ length: count }, (_, i) => `127.0.1.${i + 1}`);
    this.network = new PacketFilter(hosts);
    const peers = hosts.map((host) => `${host}:7080`);
    this.nodes = hosts.map((host, i) => {
      const directory = path.join(this.directory, `node-${i + 1}`);
      mkdirSync(directory);
      return new FaultNode({ index: i + 1, host, directory, peers, secretFile: this.#secretFile });
    });
  }

  /** Starts all nodes and forms their ring, N=3. */
  async form(): Promise<void> {
    await this.network.open();
    this.#prepareDisks();
    await ensureClusterSecret(this.#secretFile);
    for (const node of this.nodes) node.spawn();
    await awaitServing({
      nodes: this.nodes,
      size: this.nodes.length,
      clusterId: "faults",
      token: await adminTokenFrom(this.#secretFile),
      progress: () => undefined,
    });
    for (const node of this.nodes) this.#byId.set((await this.status(node)).node.id, node);
  }

  /** Starts those that do not run, all at once, and resolves when they serve. */
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

  /** The owners of the key, the preferred coordinator first, as the first running node knows them. */
  async ownersOf(bucket: string, key: string): Promise<FaultNode[]> {
    const asked = this.nodes.find((node) => node.isRunning);
    if (asked === undefined) throw new Error("no node is running");
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
