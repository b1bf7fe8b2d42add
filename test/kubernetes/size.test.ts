/** A cluster that grows and shrinks under load, with changes of mind in the middle. No manual step. */
import type { V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { expect } from "chai";

import { installOperator } from "./rig/installed-operator.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { until } from "./rig/until.ts";
import { LoadPod, ShellPod } from "./workload/pods.ts";

const NAME = "elastic";
const KEYS = 40;
const VALUE = "x".repeat(20_000);

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
    for (let key = 0; key < KEYS; key++) await shell.dynamokv(NAME, "put", "kept", `key-${key}`, VALUE);
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
    for (let key = 0; key < KEYS; key++)
      expect((await shell.dynamokv(NAME, "get", "kept", `key-${key}`)).length).to.equal(VALUE.length);
  }
});
