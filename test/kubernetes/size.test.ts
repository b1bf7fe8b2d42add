/** A cluster that grows and shrinks under load, with changes of mind in the middle. No manual step. */
import type { V1PersistentVolumeClaim, V1PodDisruptionBudget } from "@kubernetes/client-node";
import { expect } from "chai";

import { installOperator } from "./rig/installed-operator.ts";
import { kubectl } from "./rig/kubectl.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { until } from "./rig/until.ts";
import { LoadPod, ShellPod } from "./workload/pods.ts";

const NAME = "elastic";
/** Enough that a change of the ring has a middle. */
const KEYS = 1_000;
const VALUE_BYTES = 8_000;

describe("kubernetes: size", function () {
  this.timeout(900_000);
  const namespace = new TestNamespace("size");
  const load = new LoadPod(namespace);
  const shell = new ShellPod(namespace);

  before(async () => {
    await installOperator();
    await namespace.create();
    await namespace.applyCluster(NAME, { size: 3, storage: { size: "1Gi", reclaimPolicy: "Delete" } });
    await shell.start();
    await namespace.untilSettled(NAME, 90_000);
    await forEachKey(
      `await client.put(await client.get("kept", key), "x".repeat(${VALUE_BYTES})); count += 1;`,
    );
  });

  after(() => namespace.delete());

  it("kubectl scale to five and back to three loses no write and fails no request; claims go with their nodes", async () => {
    const before = await claims();
    await load.start(NAME);
    await scaleTo(5);
    const grown = await untilSize(5);
    expect(
      grown.status?.nodes?.every(({ member, state }) => member === true && state === "serving"),
    ).to.equal(true);
    expect(await claims()).to.have.length(5);
    await scaleTo(3);
    await untilSize(3);
    await until("the claims are gone", 60_000, async () =>
      (await claims()).length === 3 ? true : undefined,
    );
    expect(await claims()).to.deep.equal(before);
    const report = await load.stop();
    expect(report.failures).to.deep.equal([]);
    expect(report.lost).to.deep.equal([]);
    await expectKept();
  });

  it("takes a change back whose size is asked for no more, and uses the names of nodes that left again", async () => {
    await scaleTo(5);
    await untilSize(5);
    await load.start(NAME);
    await scaleTo(3);
    await until("a leave is under way", 60_000, async () => {
      const { status } = await namespace.cluster(NAME);
      return status?.operation?.type === "ScaleDown" ? true : undefined;
    });
    await scaleTo(5);
    await untilSize(5);
    const report = await load.stop();
    expect(report.failures).to.deep.equal([]);
    expect(report.lost).to.deep.equal([]);
    await expectKept();
  });

  it("lets hosts be drained while a new pod finds no place, and takes that pod back unseen", async () => {
    await scaleTo(3);
    await untilSize(3);
    const hosts = (await kubectl(["get", "nodes", "--output", "name"])).trim().split("\n");
    try {
      for (const host of hosts) await kubectl(["cordon", host]);
      await scaleTo(4);
      await until("the new pod finds no place, which the status says", 60_000, async () => {
        const { status } = await namespace.cluster(NAME);
        return status?.message?.includes("cannot be scheduled") === true ? true : undefined;
      });
      await until("a member may be drained", 30_000, async () => {
        const { status } = (await namespace.get<V1PodDisruptionBudget>("pdb", NAME))!;
        return status?.expectedPods === 4 && status.disruptionsAllowed === 1 ? true : undefined;
      });
      await scaleTo(3);
      await untilSize(3);
      await until("no trace of it", 60_000, async () => ((await claims()).length === 3 ? true : undefined));
    } finally {
      for (const host of hosts) await kubectl(["uncordon", host]);
    }
    await expectKept();
  });

  it("refuses fewer nodes than copies, in the API server's words", async () => {
    const refused = await scaleTo(2).then(
      () => "",
      (error: unknown) => String(error),
    );
    expect(refused).to.include("size is less than replication.factor");
  });

  async function scaleTo(size: number): Promise<void> {
    await namespace.kubectl(["scale", "dyn", NAME, `--replicas=${size}`]);
  }

  async function untilSize(size: number) {
    return until(`${size} members`, 300_000, async () => {
      const cluster = await namespace.cluster(NAME);
      const { status } = cluster;
      const isReady = status?.conditions?.some((each) => each.type === "Ready" && each.status === "True");
      if (isReady === true && status?.ring?.members === size && status.size === size) return cluster;
      throw new Error(`${status?.phase}: ${status?.message}; ${JSON.stringify(status?.operation)}`);
    });
  }

  async function claims(): Promise<string[]> {
    const all = await namespace.list<V1PersistentVolumeClaim>("pvc");
    return all.map(({ metadata }) => metadata!.uid!).sort();
  }

  async function expectKept(): Promise<void> {
    const isKept = `siblings.length === 1 && siblings[0].value.length === ${VALUE_BYTES}`;
    const kept = await forEachKey(
      `const { siblings } = await client.get("kept", key); if (${isKept}) count += 1;`,
    );
    expect(kept).to.equal(KEYS);
  }

  /** Does that for all keys, sixteen at a time, inside the cluster; what it counts. */
  async function forEachKey(what: string): Promise<number> {
    const program = `
      import { DynamoClient } from "/app/dist/client/dynamo-client.js";
      const client = new DynamoClient({ endpoints: ["http://${NAME}:8080"] });
      let next = 0;
      let count = 0;
      await Promise.all(Array.from({ length: 16 }, async () => {
        while (next < ${KEYS}) { const key = "key-" + next++; ${what} }
      }));
      console.log(count);
      client.close();`;
    return Number(await shell.connected("node", "--input-type=module", "--eval", program));
  }
});
