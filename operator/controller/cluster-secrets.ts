import { randomBytes } from "node:crypto";
import type { KubernetesObject, V1Secret } from "@kubernetes/client-node";
import { adminToken } from "../../node/contract/admin-token.ts";
import { CONTAINER_SECRET_FILE } from "../../node/contract/pod-contract.ts";
import { type DynamoCluster, KIND } from "../api/v1alpha1/dynamo-cluster.ts";
import { clusterSecret, SECRET_KEY } from "../desired/cluster-secret.ts";
import { secretName } from "../desired/names.ts";
import { isConflict, isNotFound } from "../kube/api-connection.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resource-path.ts";
import { isPodReady } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { ReconcileFailure } from "./reconcile-failure.ts";

/**
 * The secret of each cluster: drawn once, before anything of the cluster exists, and never again while a pod, volume
 * or StatefulSet of it does. Nodes that run keep the key they started with; a node that started with another one
 * would be a stranger to them, and every context that clients hold would be refused. So a Secret that was deleted
 * comes back as it was where this process still knows it, and where it does not, a person is told how to bring it back.
 */
interface Known {
  readonly uid: string;
  readonly secret: V1Secret;
  readonly readMs: number;
}

/** Secrets are not watched, the operator may not list them: one that was deleted is noticed after this. */
const READ_AGAIN_MS = 300_000;

export class ClusterSecrets {
  readonly #client: KubeClient;
  readonly #onRestored: (cluster: DynamoCluster) => void;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Known>();

  constructor(
    client: KubeClient,
    { onRestored, nowMs }: { onRestored: (cluster: DynamoCluster) => void; nowMs: () => number },
  ) {
    this.#client = client;
    this.#onRestored = onRestored;
    this.#nowMs = nowMs;
  }

  /**
   * The token that opens the nodes' admin writes; makes the Secret where the cluster is new. Rejects with
   * ReconcileFailure, or with ApiError.
   */
  async token(observed: ObservedState): Promise<string> {
    const { cluster, pods } = observed;
    const { namespace, name, uid } = cluster.metadata;
    const key = `${namespace}/${name}`;
    let known = this.#known.get(key);
    if (known !== undefined && known.uid !== uid) known = undefined;
    const isFresh = known !== undefined && this.#nowMs() - known.readMs < READ_AGAIN_MS;
    // Pods that are missing may be waiting for it.
    if (known === undefined || !isFresh || !pods.every(isPodReady)) {
      const secret = await this.#readOrMake(observed, known?.secret);
      known = { uid, secret, readMs: this.#nowMs() };
      this.#known.set(key, known);
    }
    const token = tokenOf(known.secret);
    if (token !== undefined) return token;
    this.#known.delete(key);
    throw new ReconcileFailure("SecretUnusable", unusable(cluster));
  }

  forget(key: string): void {
    this.#known.delete(key);
  }

  async #readOrMake(observed: ObservedState, known: V1Secret | undefined): Promise<V1Secret> {
    const { cluster } = observed;
    const name = { namespace: cluster.metadata.namespace, name: secretName(cluster) };
    try {
      const secret = await this.#client.get<V1Secret>(RESOURCES.secrets, name);
      const owner = secret.metadata?.ownerReferences?.find(({ kind }) => kind === KIND);
      if (owner !== undefined && owner.uid !== cluster.metadata.uid) {
        throw new ReconcileFailure(
          "SecretGoing",
          `Secret ${name.name} belongs to a cluster of this name that was deleted, and is about to go too; it is made anew then`,
        );
      }
      return secret;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const text = known === undefined ? undefined : fileOf(known);
    if (text === undefined) refuseWhereUsed(observed);
    const made = await this.#create(clusterSecret(cluster, text ?? drawSecretFile()));
    if (text !== undefined) this.#onRestored(cluster);
    return made;
  }

  /** Somebody who was faster is right: theirs may be in use already. */
  async #create(secret: V1Secret): Promise<V1Secret> {
    const { namespace, name } = secret.metadata!;
    try {
      return await this.#client.create(secret);
    } catch (error) {
      if (!isConflict(error)) throw error;
      return await this.#client.get<V1Secret>(RESOURCES.secrets, { namespace: namespace!, name: name! });
    }
  }
}

/** A fresh secret file of one key, as the nodes read it. */
function drawSecretFile(): string {
  return `1 ${randomBytes(32).toString("base64")}\n`;
}

function refuseWhereUsed({ cluster, pods, claims, statefulSets }: ObservedState): void {
  const left = [...pods, ...claims, ...statefulSets];
  if (left.length === 0) return;
  const { namespace } = cluster.metadata;
  const name = secretName(cluster);
  const staying = left.find((object) => !isGoing(object, cluster));
  if (staying === undefined) {
    throw new ReconcileFailure(
      "SecretGoing",
      `a cluster of this name is being deleted: Secret ${name} is made once ${left[0]!.metadata?.name} is gone too`,
    );
  }
  const pod = pods.find(isPodReady) ?? pods[0];
  const create = `kubectl -n ${namespace} create secret generic ${name}`;
  if (pod !== undefined) {
    const read = `kubectl -n ${namespace} exec ${pod.metadata?.name} -- cat ${CONTAINER_SECRET_FILE} > ${SECRET_KEY}`;
    throw new ReconcileFailure(
      "SecretMissing",
      `Secret ${name} is gone while nodes run with its key, and nothing is changed until it is back: ` +
        `\`${read} && ${create} --from-file=${SECRET_KEY}\``,
    );
  }
  throw new ReconcileFailure(
    "SecretMissing",
    `Secret ${name} is gone and ${staying.metadata?.name} of this cluster is still there: bring the Secret back from ` +
      `where you keep a copy; if there is none, every context that clients hold ends with it, and a new key is made by ` +
      `\`${create} --from-literal=${SECRET_KEY}="1 $(head -c 32 /dev/urandom | base64)"\``,
  );
}

/** Of a cluster of the same name that was deleted, or deleted itself. */
function isGoing({ metadata }: KubernetesObject, cluster: DynamoCluster): boolean {
  const owners = metadata?.ownerReferences ?? [];
  const isOfAnother = owners.some(({ kind, uid }) => kind === KIND && uid !== cluster.metadata.uid);
  return isOfAnother || metadata?.deletionTimestamp !== undefined;
}

function unusable(cluster: DynamoCluster): string {
  const name = secretName(cluster);
  return `Secret ${name} holds no usable key: its field ${SECRET_KEY} must have a line such as "1 BASE64", a number and 32 bytes or more; bring the old one back`;
}

function fileOf(secret: V1Secret): string | undefined {
  const data = secret.data?.[SECRET_KEY];
  return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
}

/** Undefined where the Secret holds no usable key. */
function tokenOf(secret: V1Secret): string | undefined {
  for (const line of (fileOf(secret) ?? "").split("\n")) {
    const match = /^(\d{1,3})\s+([A-Za-z0-9+/]+={0,2})\s*$/.exec(line.replace(/#.*$/, "").trim());
    if (match !== null) return adminToken(Buffer.from(match[2]!, "base64"));
  }
  return undefined;
}
