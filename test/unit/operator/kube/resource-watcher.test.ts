import { expect } from "chai";
import type { V1ConfigMap } from "@kubernetes/client-node";
import { ApiConnection } from "../../../../operator/kube/api-connection.ts";
import { RESOURCES } from "../../../../operator/kube/resource-path.ts";
import { ResourceWatcher } from "../../../../operator/kube/resource-watcher.ts";
import { ApiServerDouble } from "../double/api-server-double.ts";
import { Refused } from "../double/object-store.ts";

describe("operator: a copy of the API server's objects", () => {
  let api: ApiServerDouble;
  let watcher: ResourceWatcher<V1ConfigMap>;
  let changed: string[];
  let troubles: string[];
  let connection: ApiConnection;

  beforeEach(async () => {
    api = new ApiServerDouble();
    changed = [];
    troubles = [];
    connection = new ApiConnection(await api.start());
    watcher = new ResourceWatcher({
      api: connection,
      resource: RESOURCES.configMaps,
      namespace: "",
      onChange: ({ metadata }) => changed.push(metadata!.name!),
      onTrouble: (message) => troubles.push(message),
      nowMs: () => performance.now(),
    });
  });

  afterEach(async () => {
    watcher.stop();
    await api.stop();
  });

  function create(name: string): void {
    api.objects.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" } });
  }

  async function until(holds: () => boolean): Promise<void> {
    const untilMs = performance.now() + 5_000;
    while (!holds()) {
      if (performance.now() > untilMs) throw new Error(`still not: ${changed.join()}; ${troubles.join()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  it("is complete at first and follows from there", async () => {
    create("before");
    watcher.start();
    await watcher.synced;
    expect(watcher.get("shop", "before")?.metadata?.name).to.equal("before");
    create("after");
    await until(() => changed.includes("after"));
    api.objects.delete("ConfigMap", "shop", "before");
    await until(() => watcher.list().length === 1);
  });

  it("survives answers of 500, which kill the library's informer", async () => {
    let refusals = 3;
    api.beforeRead = () => {
      if (refusals-- > 0) throw new Refused(500, "InternalError", "planted");
    };
    create("one");
    watcher.start();
    await until(() => changed.includes("one"));
    expect(troubles).to.have.length(3);
  });

  it("lists anew where its version is too old, and sees what was deleted meanwhile", async () => {
    create("one");
    create("two");
    watcher.start();
    await watcher.synced;
    api.watchesHeld = true;
    api.objects.delete("ConfigMap", "shop", "one");
    let isTooOld = true;
    api.beforeRead = (isWatch) => {
      if (!isWatch || !isTooOld) return;
      isTooOld = false;
      throw new Refused(410, "Expired", "too old resource version");
    };
    api.cutWatches();
    await until(() => watcher.list().length === 1);
    expect(changed.filter((name) => name === "one")).to.have.length(2);
  });

  it("goes on when a handler throws", async () => {
    watcher.stop();
    watcher = new ResourceWatcher({
      api: connection,
      resource: RESOURCES.configMaps,
      namespace: "",
      onChange: ({ metadata }) => {
        changed.push(metadata!.name!);
        throw new Error("planted");
      },
      onTrouble: (message) => troubles.push(message),
      nowMs: () => performance.now(),
    });
    watcher.start();
    await watcher.synced;
    create("one");
    create("two");
    await until(() => changed.includes("two"));
    expect(troubles.every((message) => message.includes("planted"))).to.equal(true);
  });
});
