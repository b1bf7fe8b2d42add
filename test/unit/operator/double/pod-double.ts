import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
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
  ring: { clusterId: string; members: string[] } | undefined;
}

export class PodsDouble {
  readonly #api: ApiServerDouble;
  readonly #net: number;
  readonly volumes = new Map<string, Volume>();
  readonly #servers = new Map<string, Server>();
  readonly formations: string[][] = [];
  #addresses = 0;
  #stopListening: () => void;
  #busy: Promise<void> = Promise.resolve();

  /** `net`: third byte of the addresses, so that tests do not meet. */
  constructor(api: ApiServerDouble, net: number) {
    this.#api = api;
    this.#net = net;
    this.#stopListening = api.objects.onChange(({ object }) => {
      if (object.kind === "StatefulSet" || object.kind === "Pod") this.#later();
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
      for (let ordinal = 0; ordinal < replicas; ordinal++) {
        const name = `${set.metadata.name}-${ordinal}`;
        if (objects.find("Pod", set.metadata.namespace, name) === undefined) await this.#begin(name, set);
      }
    }
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
        spec: structuredClone(claimTemplate!.spec),
        status: { capacity: { storage: claimTemplate!.spec.resources.requests.storage } },
      });
      this.volumes.set(name, { id: randomUUID(), ring: undefined });
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
        return volume.ring === undefined
          ? { status: 404, body: { error: { code: "no_ring", message: "none", requestId: "1" } } }
          : { status: 200, body: ringOf(volume.ring) };
      case "/admin/v1/ring/form": {
        const { clusterId, members } = JSON.parse(body) as { clusterId: string; members: string[] };
        this.formations.push(members);
        for (const each of this.volumes.values())
          if (members.includes(each.id)) each.ring ??= { clusterId, members };
        return { status: 200, body: { clusterId, epoch: 1, hash: "abc" } };
      }
      case "/admin/v1/identity":
        volume.id = (JSON.parse(body) as { id: string }).id;
        volume.ring = [...this.volumes.values()].find(({ ring }) => ring !== undefined)?.ring;
        return { status: 200, body: { id: volume.id } };
      default:
        return { status: 404, body: {} };
    }
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
      state: ring === undefined ? "no_ring" : "serving",
      clusterId: ring?.clusterId ?? "",
      ring: { epoch: ring === undefined ? 0 : 1, hash: ring === undefined ? "" : "abc" },
      hints: { pending: {}, markers: 0, bytes: 0, bytesMax: 1 },
      antiEntropy: {
        lastExchange: Object.fromEntries(others.map((other) => [other.id, { agoMs: 0, outcome: "equal" }])),
      },
      uptimeSeconds: 100,
    };
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

function ringOf({ clusterId, members }: NonNullable<Volume["ring"]>) {
  return {
    clusterId,
    generation: 0,
    epoch: 1,
    hash: "abc",
    parameters: { partitions: 8, replicas: 3, hash: "md5", leafFormat: 1 },
    featureLevel: 1,
    members: members.map((id) => ({ id, zone: "", state: "active" })),
    owners: Array.from({ length: 8 }, (_, partition) => partition % members.length),
    change: null,
  };
}
