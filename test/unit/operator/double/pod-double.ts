import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { RingChangeRequest } from "../../../../node/contract/ring-change-types.ts";
import { ADMIN_PORT } from "../../../../node/contract/pod-contract.ts";
import { TEMPLATE_HASH } from "../../../../operator/api/v1alpha1/annotations.ts";
import type { ApiServerDouble } from "./api-server-double.ts";
import type { StoredObject } from "./object-store.ts";

/**
 * What Kubernetes does of itself, as far as an operator can see it: a StatefulSet gets its pods and claims, each pod
 * an address of its own (127.0.x.y) where something answers like a node, and a pod that is deleted comes back made
 * from the latest template. The nodes keep their ring on their volumes, as real ones do.
 */
interface Volume {
  id: string;
  ring: RingDouble | undefined;
  /** Keys that a node which has left has yet to hand over; one fewer each time it is asked. */
  keys: number;
}

interface RingDouble {
  readonly clusterId: string;
  readonly members: readonly string[];
  readonly epoch: number;
  readonly change?: {
    readonly changeId: string;
    readonly type: string;
    readonly joining: readonly string[];
    readonly leaving: readonly string[];
  };
}

const SETTLING = ["StatefulSet", "Pod", "PersistentVolumeClaim"];

export class PodsDouble {
  readonly #api: ApiServerDouble;
  readonly #net: number;
  readonly volumes = new Map<string, Volume>();
  readonly #servers = new Map<string, Server>();
  readonly formations: string[][] = [];
  /** Each change that began or was cancelled, in words. */
  readonly changes: string[] = [];
  /** Called when a change is asked for; the code that the node refuses it with, if any. */
  refusal: () => string | undefined = () => undefined;
  /** Looks at the ring that a change takes. */
  looksOfAChange = 6;
  #looks = 0;
  #addresses = 0;
  #stopListening: () => void;
  #busy: Promise<void> = Promise.resolve();

  /** `net`: third byte of the addresses, so that tests do not meet. */
  constructor(api: ApiServerDouble, net: number) {
    this.#api = api;
    this.#net = net;
    this.#stopListening = api.objects.onChange(({ object }) => {
      if (SETTLING.includes(object.kind)) this.#later();
    });
  }

  async stop(): Promise<void> {
    this.#stopListening();
    await this.#busy;
    for (const server of this.#servers.values()) {
      server.closeAllConnections();
      server.close();
    }
  }

  #later(): void {
    this.#busy = this.#busy.then(() => this.#settle());
  }

  async #settle(): Promise<void> {
    const { objects } = this.#api;
    const names = new Set(objects.list("Pod").map(({ metadata }) => metadata.name));
    for (const name of Array.from(this.#servers.keys())) if (!names.has(name)) this.#end(name);
    for (const set of objects.list("StatefulSet")) {
      const replicas = Number(set.spec?.["replicas"] ?? 0);
      this.#endAbove(set.metadata.name, replicas);
      for (let ordinal = 0; ordinal < replicas; ordinal++) {
        const name = `${set.metadata.name}-${ordinal}`;
        if (objects.find("Pod", set.metadata.namespace, name) === undefined) await this.#begin(name, set);
      }
    }
  }

  /** Claims stay, as the StatefulSets ask for; a volume goes with its claim. */
  #endAbove(set: string, replicas: number): void {
    const { objects } = this.#api;
    const ordinalOf = (name: string): number =>
      name.startsWith(`${set}-`) ? Number(name.slice(set.length + 1)) : Number.NaN;
    for (const { metadata } of objects.list("Pod"))
      if (ordinalOf(metadata.name) >= replicas) objects.delete("Pod", metadata.namespace, metadata.name);
    const claims = new Set(objects.list("PersistentVolumeClaim").map(({ metadata }) => metadata.name));
    for (const name of Array.from(this.volumes.keys()))
      if (ordinalOf(name) >= replicas && !claims.has(`data-${name}`)) this.volumes.delete(name);
  }

  async #begin(name: string, set: StoredObject): Promise<void> {
    const { objects } = this.#api;
    const { namespace, labels } = set.metadata;
    const template = set.spec!["template"] as { metadata: { annotations: Record<string, string> } };
    const claim = `data-${name}`;
    if (objects.find("PersistentVolumeClaim", namespace, claim) === undefined) {
      const [claimTemplate] = set.spec!["volumeClaimTemplates"] as {
        spec: { resources: { requests: { storage: string } } };
      }[];
      objects.create({
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: claim, namespace, labels },
        spec: { ...structuredClone(claimTemplate!.spec), volumeName: `volume-of-${name}` },
        status: { capacity: { storage: claimTemplate!.spec.resources.requests.storage } },
      });
      this.volumes.set(name, { id: randomUUID(), ring: undefined, keys: 2 });
    }
    const address = `127.0.${this.#net}.${(this.#addresses += 1)}`;
    await this.#serve(name, address);
    objects.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        namespace,
        labels,
        annotations: { [TEMPLATE_HASH]: template.metadata.annotations[TEMPLATE_HASH]! },
        ownerReferences: [
          { apiVersion: "apps/v1", kind: "StatefulSet", name: set.metadata.name, uid: set.metadata.uid },
        ],
      },
      spec: { nodeName: "host-a" },
      status: { podIP: address, conditions: [{ type: "Ready", status: "True" }] },
    });
  }

  async #serve(name: string, address: string): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { status, body } = this.#answer(name, request.url ?? "", Buffer.concat(chunks).toString());
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
    });
    server.listen(ADMIN_PORT, address);
    await once(server, "listening");
    this.#servers.set(name, server);
  }

  #end(name: string): void {
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    server?.closeAllConnections();
    server?.close();
  }

  #answer(name: string, path: string, body: string): { status: number; body: unknown } {
    const volume = this.volumes.get(name)!;
    switch (path) {
      case "/admin/v1/status":
        return { status: 200, body: this.#status(name, volume) };
      case "/admin/v1/members":
        return { status: 200, body: { members: this.#members(volume) } };
      case "/admin/v1/ring":
        this.#goOn();
        return volume.ring === undefined
          ? { status: 404, body: { error: { code: "no_ring", message: "none", requestId: "1" } } }
          : { status: 200, body: ringOf(volume.ring) };
      case "/admin/v1/ring/form": {
        const { clusterId, members } = JSON.parse(body) as { clusterId: string; members: string[] };
        this.formations.push(members);
        for (const each of this.volumes.values())
          if (members.includes(each.id)) each.ring ??= { clusterId, members, epoch: 1 };
        return { status: 200, body: { clusterId, epoch: 1, hash: "abc" } };
      }
      case "/admin/v1/identity":
        volume.id = (JSON.parse(body) as { id: string }).id;
        volume.ring = [...this.volumes.values()].find(({ ring }) => ring !== undefined)?.ring;
        return { status: 200, body: { id: volume.id } };
      case "/admin/v1/ring/plan":
        return { status: 200, body: { nodes: [], transfers: [], bytesMoved: 0 } };
      case "/admin/v1/ring/changes":
        return this.#beginChange(JSON.parse(body) as Required<RingChangeRequest>);
      case "/admin/v1/ring/changes/cancel":
        return this.#cancel((JSON.parse(body) as { changeId: string }).changeId);
      case "/admin/v1/ring/changes/current":
        return { status: 200, body: {} };
      case "/admin/v1/partitions": {
        volume.keys = Math.max(0, volume.keys - 1);
        return {
          status: 200,
          body: { partitions: [{ partition: 0, role: "misplaced", keys: volume.keys, root: "" }] },
        };
      }
      default:
        return { status: 404, body: {} };
    }
  }

  /** The latest that a node has. */
  #ring(): RingDouble | undefined {
    const rings = [...this.volumes.values()].flatMap(({ ring }) => ring ?? []);
    return rings.toSorted((a, b) => b.epoch - a.epoch)[0];
  }

  /** Every member of it has it; who is none any more keeps the one before. */
  #decide(ring: RingDouble): { status: number; body: unknown } {
    const members = new Set([...ring.members, ...(ring.change?.joining ?? [])]);
    for (const volume of this.volumes.values()) if (members.has(volume.id)) volume.ring = ring;
    return { status: 200, body: { changeId: "", generation: 0, epoch: ring.epoch, hash: hashOf(ring) } };
  }

  #beginChange({ changeId, type, epoch, joining, leaving }: Required<RingChangeRequest>): {
    status: number;
    body: unknown;
  } {
    const ring = this.#ring()!;
    if (ring.change?.changeId === changeId) return this.#decide(ring);
    const isPassed = ring.change !== undefined || ring.epoch !== epoch;
    const code = isPassed ? "epoch_passed" : this.refusal();
    if (code !== undefined)
      return { status: 409, body: { error: { code, message: "look again", requestId: "1" } } };
    this.changes.push(`${type} ${joining.length + leaving.length}`);
    this.#looks = 0;
    return this.#decide({ ...ring, epoch: epoch + 1, change: { changeId, type, joining, leaving } });
  }

  #cancel(changeId: string): { status: number; body: unknown } {
    const { change, ...ring } = this.#ring()!;
    if (change?.changeId !== changeId)
      return { status: 409, body: { error: { code: "no_change", message: "none", requestId: "1" } } };
    this.changes.push(`cancel ${change.type}`);
    return this.#decide({ ...ring, epoch: ring.epoch + 1 });
  }

  #goOn(): void {
    const ring = this.#ring();
    if (ring?.change === undefined || (this.#looks += 1) < this.looksOfAChange) return;
    const { change, members, clusterId, epoch } = ring;
    const after = [...members.filter((id) => !change.leaving.includes(id)), ...change.joining];
    this.#decide({ clusterId, members: after, epoch: epoch + 2 });
  }

  #status(name: string, { id, ring }: Volume) {
    const others = [...this.volumes.values()].filter((volume) => volume.id !== id);
    return {
      node: {
        id,
        address: `${name}.demo-nodes.shop.svc:7080`,
        zone: "",
        version: "0.1.0",
        clientAddress: "",
      },
      state: this.#stateOf(id, ring),
      clusterId: ring?.clusterId ?? "",
      ring: { epoch: ring?.epoch ?? 0, hash: ring === undefined ? "" : hashOf(ring) },
      hints: { pending: {}, markers: 0, bytes: 0, bytesMax: 1 },
      storage: { keys: ring === undefined ? 0 : 10, bytes: 10_000, volumeFreeBytes: 2 ** 33 },
      antiEntropy: {
        lastExchange: Object.fromEntries(others.map((other) => [other.id, { agoMs: 0, outcome: "equal" }])),
      },
      uptimeSeconds: 100,
    };
  }

  #stateOf(id: string, ring: Volume["ring"]): string {
    if (ring === undefined) return "no_ring";
    const latest = this.#ring()!;
    return latest.members.includes(id) || latest.change?.joining.includes(id) === true ? "serving" : "left";
  }

  #members({ ring }: Volume) {
    const present = new Map([...this.volumes].map(([name, volume]) => [volume.id, name]));
    const ids = new Set([...(ring?.members ?? []), ...present.keys()]);
    return [...ids].map((id) => ({
      id,
      // A member whose volume is gone was last seen at the address of the pod that lost it.
      address: `${present.get(id) ?? this.#lostPod(ring)}.demo-nodes.shop.svc:7080`,
      zone: "",
      reachable: present.has(id),
    }));
  }

  #lostPod(ring: Volume["ring"]): string {
    return [...this.volumes].find(([, { id }]) => ring?.members.includes(id) === false)?.[0] ?? "";
  }
}

function ringOf(ring: RingDouble) {
  const { clusterId, members, epoch, change } = ring;
  const states = new Map<string, string>(members.map((id) => [id, "active"]));
  for (const id of change?.joining ?? []) states.set(id, "joining");
  for (const id of change?.leaving ?? []) states.set(id, "leaving");
  return {
    clusterId,
    generation: 0,
    epoch,
    hash: hashOf(ring),
    parameters: { partitions: 8, replicas: 3, hash: "md5", leafFormat: 1 },
    featureLevel: 1,
    members: [...states].map(([id, state]) => ({ id, zone: "", state })),
    owners: Array.from({ length: 8 }, (_, partition) => partition % members.length),
    change: change === undefined ? null : { changeId: change.changeId, type: change.type, phase: "transfer" },
  };
}

function hashOf({ epoch, members }: RingDouble): string {
  return `${epoch} ${members.length}`;
}
