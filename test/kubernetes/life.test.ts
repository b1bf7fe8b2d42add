/** What an owner of clusters does over the years: drain hosts, grow volumes, pause, delete, come back. */
import type { V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from "@kubernetes/client-node";
import { expect } from "chai";

import { installOperator } from "./rig/installed-operator.ts";
import { kubectl } from "./rig/kubectl.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { until } from "./rig/until.ts";
import { ShellPod } from "./workload/pods.ts";

const NAME = "kept";

describe("kubernetes: the life of a cluster", function () {
  this.timeout(600_000);
  const namespace = new TestNamespace("life");
  const shell = new ShellPod(namespace);

  before(async () => {
    await installOperator();
    await namespace.create();
    await namespace.applyCluster(NAME, { size: 3, storage: { size: "1Gi" } });
    await shell.start();
    await namespace.untilSettled(NAME, 90_000);
    await shell.dynamokv(NAME, "put", "kept", "for-years", "yes");
  });

  after(() => namespace.delete());

  it("makes pods without a token, with a root file system that cannot be written, under the restricted standard", async () => {
    const pod = await namespace.get<V1Pod>("pod", `${NAME}-0`);
    expect(pod?.spec?.automountServiceAccountToken).to.equal(false);
    expect(pod?.spec?.volumes?.some(({ projected }) => projected !== undefined)).to.equal(false);
    const command = [
      "exec",
      `${NAME}-0`,
      "--",
      "sh",
      "-c",
      "touch /app/x 2>&1; touch /var/lib/dynamokv/x && echo written",
    ];
    expect(await namespace.kubectl(command)).to.match(/Read-only file system[\s\S]*written/);
  });

  it("grows its volumes in place, pods and all", async () => {
    const before = await podUids();
    await namespace.patchCluster(NAME, { storage: { size: "2Gi" } });
    await namespace.untilCondition(NAME, "VolumesResized", "True", 60_000);
    await until("claims and template", 60_000, async () => {
      const claims = await namespace.list<V1PersistentVolumeClaim>("pvc");
      const set = await namespace.get<V1StatefulSet>("statefulset", NAME);
      const template = set?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.["storage"];
      return template === "2Gi" && claims.every(({ status }) => status?.capacity?.["storage"] === "2Gi")
        ? true
        : undefined;
    });
    await namespace.untilSettled(NAME, 60_000);
    expect(await podUids()).to.deep.equal(before);
  });

  it("takes a size back that no volume can be given", async () => {
    await namespace.patchCluster(NAME, { storage: { size: "9Ti" } });
    await namespace.untilCondition(NAME, "VolumesResized", "False", 30_000);
    await namespace.patchCluster(NAME, { storage: { size: "3Gi" } });
    await namespace.untilSettled(NAME, 60_000);
    for (const { spec } of await namespace.list<V1PersistentVolumeClaim>("pvc"))
      expect(spec?.resources?.requests?.["storage"]).to.equal("3Gi");
  });

  it("leaves everything alone while it is paused, says so, and makes up for it afterwards", async () => {
    await namespace.patchCluster(NAME, { paused: true });
    await namespace.untilCondition(NAME, "Paused", "True", 30_000);
    await namespace.kubectl(["delete", "service", NAME]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await namespace.get("service", NAME)).to.equal(undefined);
    await namespace.patchCluster(NAME, { paused: false });
    await until("the service is back", 30_000, () => namespace.get("service", NAME));
  });

  it("undoes what somebody else changed", async () => {
    const patch = JSON.stringify({ spec: { template: { spec: { terminationGracePeriodSeconds: 1 } } } });
    await namespace.kubectl(["patch", "statefulset", NAME, "--type=merge", "--patch", patch]);
    await until("it is as it was", 30_000, async () => {
      const set = await namespace.get<V1StatefulSet>("statefulset", NAME);
      return set?.spec?.template.spec?.terminationGracePeriodSeconds === 30 ? true : undefined;
    });
  });

  it("gives one pod at a time to drains", async () => {
    const hosts = await hostsOf(namespace);
    await drain(hosts[0]!);
    const evict = (pod: string) => ({
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: pod, namespace: namespace.name },
    });
    const pods = await namespace.list<V1Pod>("pods", "--selector", "app.kubernetes.io/component=node");
    const healthy = pods.find((pod) => pod.spec?.nodeName !== undefined && pod.spec.nodeName !== hosts[0]);
    const path = `/api/v1/namespaces/${namespace.name}/pods/${healthy!.metadata!.name!}/eviction`;
    const input = JSON.stringify(evict(healthy!.metadata!.name!));
    const said = await kubectl(["create", "--raw", path, "-f", "-"], { input }).catch((error: unknown) =>
      String(error),
    );
    expect(said).to.contain("disruption budget");
    await kubectl(["uncordon", hosts[0]!]);
    await namespace.untilSettled(NAME, 120_000);
  });

  it("does not hold up the drain of a host for ever with a cluster of one", async () => {
    const one = { size: 1, replication: { factor: 1, readQuorum: 1, writeQuorum: 1 } };
    await namespace.applyCluster("single", { ...one, storage: { size: "1Gi", reclaimPolicy: "Delete" } });
    await namespace.untilSettled("single", 90_000);
    expect(await namespace.get("poddisruptionbudget", "single")).to.equal(undefined);
    const pod = await namespace.get<V1Pod>("pod", "single-0");
    const host = pod!.spec!.nodeName!;
    await drain(host);
    await kubectl(["uncordon", host]);
    await namespace.untilSettled("single", 120_000);
    await namespace.untilSettled(NAME, 120_000);
  });

  it("deletes its volumes with the cluster where the user said so, and waits for no finalizer", async () => {
    await namespace.kubectl(["delete", "dyn", "single", "--timeout=10s"]);
    await until("no claim of it", 90_000, async () =>
      (await namespace.get("pvc", "data-single-0")) === undefined ? true : undefined,
    );
    await until("no secret of it", 30_000, async () =>
      (await namespace.get("secret", "single-secret")) === undefined ? true : undefined,
    );
  });

  it("keeps volumes otherwise, and a cluster of the same name takes over their ring and data", async () => {
    const before = await namespace.cluster(NAME);
    await namespace.kubectl(["delete", "dyn", NAME, "--timeout=10s"]);
    await until("no pod of it", 90_000, async () => ((await podUids()).length === 0 ? true : undefined));
    expect(await namespace.list("pvc")).to.have.length(3);
    await namespace.applyCluster(NAME, { size: 3, storage: { size: "3Gi" } });
    const after = await namespace.untilSettled(NAME, 120_000);
    expect(after.status?.clusterId).to.equal(before.status?.clusterId);
    expect(after.status?.ring).to.deep.equal(before.status?.ring);
    expect((await shell.dynamokv(NAME, "get", "kept", "for-years")).trim()).to.equal("yes");
  });

  it("spreads over zones, one StatefulSet each, and puts every copy into another zone", async () => {
    const zones = await zonesOfHosts();
    if (zones.length < 3)
      throw new Error(`this test needs hosts in three zones; there are: ${zones.join(", ")}`);
    await namespace.applyCluster("zoned", {
      size: 4,
      zones: zones.slice(0, 3),
      storage: { size: "1Gi", reclaimPolicy: "Delete" },
    });
    const { status } = await namespace.untilSettled("zoned", 120_000);
    expect(status?.nodes?.map(({ zone }) => zone)).to.have.members([...zones.slice(0, 3), zones[0]]);
    for (const zone of zones.slice(0, 3)) {
      const pod = await namespace.get<V1Pod>("pod", `zoned-${zone}-0`);
      expect(await zoneOf(pod!.spec!.nodeName!)).to.equal(zone);
    }
  });

  it("replaces every pod also where two nodes of a zone have no key in common", async () => {
    const before = await podUids("zoned");
    await namespace.patchCluster("zoned", { settings: { logLevel: "warn" } });
    await namespace.untilSettled("zoned", 240_000);
    const after = await podUids("zoned");
    expect(after).to.have.length(4);
    expect(after.filter((uid) => before.includes(uid))).to.deep.equal([]);
  });

  async function podUids(name = NAME): Promise<string[]> {
    const labels = `app.kubernetes.io/component=node,app.kubernetes.io/instance=${name}`;
    const pods = await namespace.list<V1Pod>("pods", "--selector", labels);
    return pods.map(({ metadata }) => metadata!.uid!).toSorted();
  }
});

async function drain(host: string): Promise<void> {
  const options = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=90s"];
  // Only what these tests made: the shell pod and the operator may stay.
  await kubectl(["drain", host, ...options, "--pod-selector", "app.kubernetes.io/component=node"], {
    timeoutMs: 100_000,
  });
}

async function hostsOf(namespace: TestNamespace): Promise<string[]> {
  const pods = await namespace.list<V1Pod>("pods", "--selector", "app.kubernetes.io/component=node");
  return pods.map(({ spec }) => spec!.nodeName!);
}

async function zonesOfHosts(): Promise<string[]> {
  const path = '{range .items[*]}{.metadata.labels.topology\\.kubernetes\\.io/zone}{"\\n"}{end}';
  const zones = await kubectl(["get", "nodes", "--output", `jsonpath=${path}`]);
  return [...new Set(zones.split("\n").filter((zone) => zone !== ""))].toSorted();
}

async function zoneOf(host: string): Promise<string> {
  return kubectl([
    "get",
    "node",
    host,
    "--output",
    "jsonpath={.metadata.labels.topology\\.kubernetes\\.io/zone}",
  ]);
}
