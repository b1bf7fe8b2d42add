/**
 * A namespace of its own for a test file: what the file makes is gone with it, volumes included. It enforces the
 * restricted pod security standard, so a pod that asks for more than that never starts.
 */
import type { DynamoCluster } from "../../../operator/api/v1alpha1/dynamo-cluster.ts";
import { CommandFailed, firstLine, kubectl, type RunOptions } from "./kubectl.ts";
import { until } from "./until.ts";

export class TestNamespace {
  readonly name: string;

  constructor(name: string) {
    this.name = `dynamokv-test-${name}`;
  }

  async create(): Promise<void> {
    // Of an earlier run.
    await kubectl(["delete", "namespace", this.name, "--ignore-not-found", "--timeout=90s"], {
      timeoutMs: 100_000,
    });
    const metadata = { name: this.name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } };
    await kubectl(["create", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata }),
    });
    // A controller makes it a moment later, and pods without it are refused.
    await until("the namespace has its service account", 60_000, () => this.get("serviceaccount", "default"));
  }

  /** Resolves before all of it is gone: the next test need not wait for that. */
  async delete(): Promise<void> {
    await kubectl(["delete", "namespace", this.name, "--ignore-not-found", "--wait=false"]);
  }

  kubectl(args: readonly string[], options?: RunOptions): Promise<string> {
    return kubectl(["--namespace", this.name, ...args], options);
  }

  /** A manifest as text, or an object. */
  async apply(manifest: string | object): Promise<void> {
    const input = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
    await this.kubectl(["apply", "-f", "-"], { input });
  }

  applyCluster(name: string, spec: object): Promise<void> {
    return this.applyClusters([name], spec);
  }

  /** All of the same spec. */
  async applyClusters(names: readonly string[], spec: object): Promise<void> {
    const manifest = { apiVersion: "dynamokv.io/v1alpha1", kind: "DynamoCluster", spec };
    const manifests = names.map((name) => JSON.stringify({ ...manifest, metadata: { name } }));
    await this.apply(manifests.join("\n---\n"));
  }

  async patchCluster(name: string, spec: object): Promise<void> {
    await this.kubectl(["patch", "dyn", name, "--type=merge", "--patch", JSON.stringify({ spec })]);
  }

  /** Undefined where there is none of that name. */
  async get<T>(kind: string, name: string): Promise<T | undefined> {
    try {
      return JSON.parse(await this.kubectl(["get", kind, name, "--output", "json"])) as T;
    } catch (error) {
      if (error instanceof CommandFailed && error.output.includes("NotFound")) return undefined;
      throw error;
    }
  }

  async list<T>(kind: string, ...args: string[]): Promise<readonly T[]> {
    const found = JSON.parse(await this.kubectl(["get", kind, "--output", "json", ...args])) as {
      items: T[];
    };
    return found.items;
  }

  /**
   * Resolves when `kubectl get --watch` shows an object whose fields, printed by that jsonpath, are wanted. It begins to
   * look at once, with what is there.
   */
  async firstSeen(
    what: readonly string[],
    jsonpath: string,
    wanted: (line: string) => boolean,
    timeoutMs: number,
  ): Promise<void> {
    const output = `jsonpath=${jsonpath}{"\\n"}`;
    const args = ["--namespace", this.name, "get", ...what, "--watch", "--output", output];
    await firstLine("kubectl", args, { wanted, timeoutMs });
  }

  async cluster(name: string): Promise<DynamoCluster> {
    const found = await this.get<DynamoCluster>("dyn", name);
    if (found === undefined) throw new Error(`there is no DynamoCluster ${name}`);
    return found;
  }

  /** Resolves with the cluster once the status is about its present spec and says so; ordinary `kubectl wait`. */
  async untilCondition(
    name: string,
    type: string,
    status: string,
    timeoutMs: number,
  ): Promise<DynamoCluster> {
    return until(`${type}=${status} of ${this.name}/${name}`, timeoutMs, async () => {
      const cluster = await this.cluster(name);
      const found = cluster.status?.conditions?.find((condition) => condition.type === type);
      const isOfNow = found?.observedGeneration === cluster.metadata.generation;
      if (isOfNow && found.status === status) return cluster;
      throw new Error(
        `${type} is ${found?.status ?? "missing"}: ${found?.message ?? cluster.status?.message ?? ""}`,
      );
    });
  }

  /** Everything that was asked for is there, and nothing is under way. */
  async untilSettled(name: string, timeoutMs: number): Promise<DynamoCluster> {
    return until(`${this.name}/${name} ready and at rest`, timeoutMs, async () => {
      const cluster = await this.cluster(name);
      const { status, metadata } = cluster;
      const is = (type: string, wanted: string): boolean =>
        status?.conditions?.some((each) => each.type === type && each.status === wanted) === true;
      const isOfNow = status?.observedGeneration === metadata.generation;
      if (isOfNow && is("Ready", "True") && is("Progressing", "False")) return cluster;
      throw new Error(`${status?.phase}: ${status?.message}`);
    });
  }
}
