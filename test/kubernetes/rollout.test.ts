/** Changes that replace every pod, one at a time, while an application goes on as if nothing happened. */
import type { V1Pod } from "@kubernetes/client-node";
import { expect } from "chai";

import { installOperator, killOperator, nextTestImage, testImage } from "./rig/installed-operator.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { until } from "./rig/until.ts";
import { LoadPod } from "./workload/pods.ts";

const NAME = "rolled";

describe("kubernetes: a change that replaces every pod", function () {
  this.timeout(600_000);
  const namespace = new TestNamespace("rollout");
  const load = new LoadPod(namespace);

  before(async () => {
    await installOperator();
    await namespace.create();
    await namespace.applyCluster(NAME, { size: 3, storage: { size: "1Gi", reclaimPolicy: "Delete" } });
    await namespace.untilSettled(NAME, 90_000);
  });

  after(() => namespace.delete());

  it("fails no request and loses no acknowledged write when the image changes under load", async () => {
    const before = await uids(namespace);
    await load.start(NAME);
    await namespace.patchCluster(NAME, { image: nextTestImage() });
    const missing = await mostMissing(namespace, () => allRun(namespace, nextTestImage()));
    await namespace.untilSettled(NAME, 60_000);
    const report = await load.stop();
    process.stdout.write(`      ${report.puts} puts, ${report.gets} gets, slowest ${report.slowestMs} ms\n`);
    expect(report.failures).to.deep.equal([]);
    expect(report.failed).to.equal(0);
    expect(report.lost).to.deep.equal([]);
    expect(report.puts).to.be.above(200);
    expect(missing).to.equal(1);
    expect(await uids(namespace)).to.not.include.members(before);
  });

  it("goes on where it was when the operator is killed at one stage after the other", async () => {
    await load.start(NAME);
    await namespace.patchCluster(NAME, { settings: { logLevel: "warn" } });
    for (let stage = 0; stage < 3; stage++) {
      const seen = await until("a pod is being replaced", 150_000, async () => {
        if ((await readyPods(namespace)) < 3) return "replacing";
        // A pod may have been replaced unseen, while the operator was killed.
        return stage > 0 && (await isUpToDate(namespace)) ? "over" : undefined;
      });
      if (seen === "over") break;
      await killOperator();
      await until("it is back", 150_000, async () => ((await readyPods(namespace)) === 3 ? true : undefined));
    }
    await namespace.untilSettled(NAME, 180_000);
    const report = await load.stop();
    expect(report.failures).to.deep.equal([]);
    expect(report.lost).to.deep.equal([]);
    expect(await isUpToDate(namespace)).to.equal(true);
  });

  it("stops at the first pod of a broken image, and applying the old one mends it with no pod deleted by hand", async () => {
    await namespace.patchCluster(NAME, { image: "localhost/no-such-image:1", imagePullPolicy: "Never" });
    const broken = await until("the trouble is told", 90_000, async () => {
      const { status } = await namespace.cluster(NAME);
      return status?.message?.includes("ErrImageNeverPull") ? status : undefined;
    });
    expect(broken.readyNodes).to.equal(2);
    expect(await readyPods(namespace)).to.equal(2);
    await namespace.patchCluster(NAME, { image: testImage(), imagePullPolicy: "IfNotPresent" });
    await namespace.untilSettled(NAME, 240_000);
    await until("the old image", 5_000, () => allRun(namespace, testImage()));
  });

  it("leaves pods alone when only the operator is upgraded, says so, and follows with the next change", async () => {
    // From here on the nodes' image is the operator's own.
    await namespace.kubectl([
      "patch",
      "dyn",
      NAME,
      "--type=json",
      "--patch",
      '[{"op":"remove","path":"/spec/image"}]',
    ]);
    await namespace.untilSettled(NAME, 240_000);
    const before = await uids(namespace);
    await installOperator({ image: nextTestImage() });
    await namespace.untilCondition(NAME, "RequiresUpdate", "True", 60_000);
    expect(await uids(namespace)).to.deep.equal(before);
    await namespace.patchCluster(NAME, { updatePolicy: "Automatic" });
    await until("the new image", 240_000, () => allRun(namespace, nextTestImage()));
    await installOperator();
  });
});

async function uids(namespace: TestNamespace): Promise<string[]> {
  return (await pods(namespace)).map(({ metadata }) => metadata!.uid!).toSorted();
}

function pods(namespace: TestNamespace): Promise<readonly V1Pod[]> {
  return namespace.list<V1Pod>("pods", "--selector", "app.kubernetes.io/component=node");
}

async function readyPods(namespace: TestNamespace): Promise<number> {
  return (await pods(namespace)).filter(isReady).length;
}

function isReady({ metadata, status }: V1Pod): boolean {
  const ready = status?.conditions?.some(
    (condition) => condition.type === "Ready" && condition.status === "True",
  );
  return ready === true && metadata?.deletionTimestamp === undefined;
}

async function allRun(namespace: TestNamespace, image: string): Promise<true | undefined> {
  const found = await pods(namespace);
  const all =
    found.length === 3 && found.every((pod) => isReady(pod) && pod.spec?.containers[0]?.image === image);
  return all ? true : undefined;
}

/** How many of three pods were not ready at the worst moment until `isDone`. */
async function mostMissing(
  namespace: TestNamespace,
  isDone: () => Promise<true | undefined>,
): Promise<number> {
  let most = 0;
  await until("all pods are replaced", 240_000, async () => {
    most = Math.max(most, 3 - (await readyPods(namespace)));
    return isDone();
  });
  return most;
}

async function isUpToDate(namespace: TestNamespace): Promise<boolean> {
  const { status } = await namespace.cluster(NAME);
  return status?.nodes?.every(({ upToDate }) => upToDate) === true;
}
