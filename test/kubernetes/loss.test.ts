/** What breaks by itself: a pod, a volume, a host, Kubernetes as a whole. The data path goes on; no manual step after. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { V1Pod, V1Secret } from "@kubernetes/client-node";
import { expect } from "chai";

import { faultProgram, installOperator, killOperator, OPERATOR_NAMESPACE } from "./rig/installed-operator.ts";
import { kubectl, run } from "./rig/kubectl.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { until } from "./rig/until.ts";
import { LoadPod, ShellPod } from "./workload/pods.ts";

const NAME = "lossy";
const KEYS = 20;

describe("kubernetes: losses", function () {
  this.timeout(600_000);
  const namespace = new TestNamespace("loss");
  const load = new LoadPod(namespace);
  const shell = new ShellPod(namespace);

  before(async () => {
    await installOperator();
    await namespace.create();
    await namespace.applyCluster(NAME, { size: 3, storage: { size: "1Gi", reclaimPolicy: "Delete" } });
    await shell.start();
    await namespace.untilSettled(NAME, 90_000);
    for (let key = 0; key < KEYS; key++)
      await shell.dynamokv(NAME, "put", "kept", `key-${key}`, `value ${key}`);
  });

  after(async () => {
    if (faultProgram() !== undefined) await fault("start", "api-server");
    await namespace.delete();
  });

  it("gives a pod that is deleted its volume and its id back", async () => {
    const pod = `${NAME}-1`;
    const before = await idOf(pod);
    const gone = await uidOf(pod);
    await namespace.kubectl(["delete", "pod", pod, "--grace-period=0", "--force"]);
    await untilMemberServes(pod, { id: before, gone });
  });

  it("gives the place of a lost volume to the pod that comes back empty, and fills it", async () => {
    const pod = `${NAME}-2`;
    const before = await idOf(pod);
    const gone = await uidOf(pod);
    await namespace.kubectl(["delete", "pvc", `data-${pod}`, "--wait=false"]);
    await namespace.kubectl(["delete", "pod", pod, "--grace-period=0", "--force"]);
    await untilMemberServes(pod, { id: before, gone });
    const { status } = await namespace.cluster(NAME);
    expect(status?.ring?.members).to.equal(3);
    expect(await keysHeldBy(pod)).to.equal(KEYS);
    const events = await namespace.kubectl(["get", "events", "--field-selector", "reason=NodeReturned"]);
    expect(events).to.contain("came back with an empty volume");
  });

  it("brings a Secret back that somebody deleted, with the key that the nodes run with", async () => {
    const key = async (): Promise<string | undefined> =>
      (await namespace.get<V1Secret>("secret", `${NAME}-secret`))?.data?.["cluster-secret"];
    const before = await key();
    await namespace.kubectl(["delete", "secret", `${NAME}-secret`]);
    // A pod that is missing is the moment when it would be missed.
    await namespace.kubectl(["delete", "pod", `${NAME}-0`, "--wait=false"]);
    await until("the Secret is back", 60_000, key);
    expect(await key()).to.equal(before);
    await namespace.untilSettled(NAME, 120_000);
  });

  it("draws no other key where it does not know the old one, and says how to bring that back", async () => {
    const name = `${NAME}-secret`;
    await namespace.kubectl(["delete", "secret", name]);
    await killOperator();
    const { status } = await namespace.untilCondition(NAME, "Reconciled", "False", 60_000);
    const told = status?.conditions?.find(({ type }) => type === "Reconciled");
    expect(told?.reason).to.equal("SecretMissing");
    expect(await namespace.get("secret", name)).to.equal(undefined);
    // To the letter: what stands between the backticks is what a person would paste.
    const command = /`([^`]+)`/.exec(told?.message ?? "")?.[1] ?? "";
    const directory = await mkdtemp(join(tmpdir(), "dynamokv-secret-"));
    await run("bash", ["-c", command], { directory });
    await rm(directory, { recursive: true });
    await namespace.untilCondition(NAME, "Reconciled", "True", 60_000);
    await namespace.kubectl(["delete", "pod", `${NAME}-0`]);
    await namespace.untilSettled(NAME, 120_000);
  });

  // Only the rig has hosts that may be killed.
  if (faultProgram() !== undefined) {
    it("serves on while a host is dead, and is whole again without a manual step when it is back", async () => {
      const host = await hostWithoutOperator(namespace);
      await load.start(NAME, { avoidHost: host });
      await fault("kill", host);
      await namespace.untilCondition(NAME, "Degraded", "True", 60_000);
      const { status } = await namespace.cluster(NAME);
      expect(status?.readyNodes).to.equal(2);
      expect(status?.conditions?.find(({ type }) => type === "Available")?.status).to.equal("True");
      const putsBefore = await load.puts();
      await until("puts go on", 60_000, async () =>
        (await load.puts()) > putsBefore + 200 ? true : undefined,
      );
      await fault("start", host);
      await namespace.untilSettled(NAME, 120_000);
      const report = await load.stop();
      expect(report.failures).to.deep.equal([]);
      expect(report.lost).to.deep.equal([]);
      await until("no write is kept for others", 120_000, async () => {
        const now = await namespace.cluster(NAME);
        return now.status?.nodes?.every(({ hintsPending }) => hintsPending === 0) ? true : undefined;
      });
      await until("every copy is equal", 120_000, async () =>
        (await unequalRoots()) === 0 ? true : undefined,
      );
    });

    it("gives the node of a host that is gone for good a fresh volume elsewhere, once somebody says that it is", async () => {
      const host = await hostWithoutOperator(namespace);
      const { status } = await namespace.cluster(NAME);
      const pod = status!.nodes!.find((node) => node.host === host)!.pod;
      const before = await idOf(pod);
      const gone = await uidOf(pod);
      await load.start(NAME, { avoidHost: host });
      await fault("kill", host);
      await namespace.untilCondition(NAME, "Degraded", "True", 60_000);
      await kubectl(["delete", "node", host, "--wait=false"]);
      await untilMemberServes(pod, { id: before, gone });
      const events = await namespace.kubectl(["get", "events", "--field-selector", "reason=VolumeReplaced"]);
      expect(events).to.contain("lost with its host");
      await until("every copy is equal", 120_000, async () =>
        (await unequalRoots()) === 0 ? true : undefined,
      );
      const report = await load.stop();
      expect(report.failures).to.deep.equal([]);
      expect(report.lost).to.deep.equal([]);
      await fault("start", host);
    });

    it("serves on without operator and API server", async () => {
      await load.start(NAME);
      await kubectl(["scale", "deployment", "--namespace", OPERATOR_NAMESPACE, "--all", "--replicas=0"]);
      await fault("kill", "api-server");
      await new Promise((resolve) => setTimeout(resolve, 15_000));
      await fault("start", "api-server");
      const report = await load.stop();
      expect(report.puts).to.be.above(400);
      expect(report.failures).to.deep.equal([]);
      expect(report.lost).to.deep.equal([]);
      await installOperator();
      await kubectl(["scale", "deployment", "--namespace", OPERATOR_NAMESPACE, "--all", "--replicas=1"]);
      await namespace.untilSettled(NAME, 120_000);
    });
  }

  async function idOf(pod: string): Promise<string> {
    const { status } = await namespace.cluster(NAME);
    const id = status?.nodes?.find((node) => node.pod === pod)?.id;
    if (id === undefined) throw new Error(`${pod} has no id`);
    return id;
  }

  async function uidOf(pod: string): Promise<string | undefined> {
    return (await namespace.get<V1Pod>("pod", pod))?.metadata?.uid;
  }

  /** Another pod than the one that is gone, under its name and id. */
  async function untilMemberServes(
    pod: string,
    { id, gone }: { readonly id: string; readonly gone: string | undefined },
  ): Promise<void> {
    await until(`${pod} serves as ${id}`, 240_000, async () => {
      const uid = await uidOf(pod);
      if (uid === undefined || uid === gone) return undefined;
      const found = (await namespace.cluster(NAME)).status?.nodes?.find((node) => node.pod === pod);
      return found?.id === id && found.state === "serving" && found.ready ? true : undefined;
    });
    await namespace.untilSettled(NAME, 120_000);
  }

  /** Partitions of which the three nodes do not all have the same copy, by their own word. */
  async function unequalRoots(): Promise<number> {
    const program = `
      const roots = await Promise.all([0, 1, 2].map(async (ordinal) => {
        const answer = await fetch("http://${NAME}-" + ordinal + ".${NAME}-nodes:9080/admin/v1/partitions");
        return (await answer.json()).partitions.map(({ partition, root }) => partition + " " + root);
      }));
      const all = new Set(roots.flat());
      console.log(roots[0].length === 256 ? all.size - 256 : -1);`;
    // In a node's own pod: the shell may have died with the host.
    const command = ["exec", `${NAME}-0`, "--", "node", "--input-type=module", "--eval", program];
    return Number(await namespace.kubectl(command));
  }

  /** How many of the keys the node has itself, by its own word. */
  async function keysHeldBy(pod: string): Promise<number> {
    const program = `
      let held = 0;
      for (let key = 0; key < ${KEYS}; key++) {
        const answer = await fetch("http://${pod}.${NAME}-nodes:9080/admin/v1/replica/kept/key-" + key);
        if (answer.status === 200) held += 1;
      }
      console.log(held);`;
    return Number(await shell.run("node", "--input-type=module", "--eval", program));
  }
});

async function fault(what: "kill" | "start", whom: string): Promise<void> {
  await run(faultProgram()!, [what, whom], { timeoutMs: 240_000 });
}

/** A host that runs a node and no operator, so that the operator can tell what it sees. */
async function hostWithoutOperator(namespace: TestNamespace): Promise<string> {
  const jsonpath = "jsonpath={.items[*].spec.nodeName}";
  const busy = await kubectl(["get", "pods", "--namespace", OPERATOR_NAMESPACE, "--output", jsonpath]);
  const nodes = await namespace.kubectl([
    "get",
    "pods",
    "--selector",
    "app.kubernetes.io/component=node",
    "--output",
    jsonpath,
  ]);
  const found = nodes.split(" ").find((host) => !busy.split(" ").includes(host));
  if (found === undefined) throw new Error("every host with a node runs an operator too");
  return found;
}
