import type {
  DynamoClusterSpec,
  DynamoClusterStatus,
} from "../../../../operator/api/v1alpha1/dynamo-cluster.ts";
import { Controller } from "../../../../operator/controller/controller.ts";
import { ApiConnection } from "../../../../operator/kube/api-connection.ts";
import { KubeClient } from "../../../../operator/kube/kube-client.ts";
import { clusterOf } from "../observed-cluster.ts";
import { ApiServerDouble } from "./api-server-double.ts";
import { PodsDouble } from "./pod-double.ts";

/** The whole controller against an API server and nodes in this process. */
export class OperatorRig {
  readonly api = new ApiServerDouble();
  readonly pods: PodsDouble;
  #controller: Controller | undefined;
  #connection: ApiConnection | undefined;
  image = "example/dynamokv:1";

  constructor(net: number) {
    this.pods = new PodsDouble(this.api, net);
  }

  async startOperator(): Promise<void> {
    this.#connection ??= new ApiConnection(await this.api.start());
    this.#controller = new Controller({
      api: this.#connection,
      client: new KubeClient(this.#connection),
      watchNamespace: "",
      identity: "test",
      image: this.image,
      log: () => undefined,
    });
    await this.#controller.start();
  }

  async stopOperator(): Promise<void> {
    await this.#controller?.stop();
  }

  async stop(): Promise<void> {
    await this.stopOperator();
    await this.pods.stop();
    await this.api.stop();
  }

  create(spec: Partial<DynamoClusterSpec> = {}): void {
    const { metadata, ...rest } = clusterOf(spec);
    this.api.objects.create({ ...rest, metadata: { name: metadata.name, namespace: metadata.namespace } });
  }

  change(spec: Record<string, unknown>): void {
    this.api.objects.mergePatch("DynamoCluster", "shop", "demo", { spec });
  }

  condition(type: string) {
    return this.status?.conditions?.find((condition) => condition.type === type);
  }

  /** Reasons of the events that were written, in their order. */
  get events(): string[] {
    return this.api.objects.list("Event").map(({ reason }) => String(reason));
  }

  get status(): DynamoClusterStatus | undefined {
    return this.api.objects.find("DynamoCluster", "shop", "demo")?.status;
  }

  async until(what: string, holds: () => boolean, limitMs = 20_000): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (!holds()) {
      if (performance.now() > untilMs)
        throw new Error(`not within ${limitMs} ms: ${what}; ${JSON.stringify(this.status?.message)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async untilReady(): Promise<void> {
    await this.until("Ready and at rest", () => {
      const progressing = this.status?.conditions?.find(({ type }) => type === "Progressing");
      return this.status?.phase === "Ready" && progressing?.status === "False";
    });
  }
}
