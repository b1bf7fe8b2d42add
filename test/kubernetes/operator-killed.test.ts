/**
 * The operator dies by SIGKILL while it makes a cluster, forms its ring, grows its volumes, takes a lost volume's node
 * back, and while a cluster is deleted: the one that starts in its place brings everything to its end, and nothing twice.
 */
import type { V1PersistentVolumeClaim, V1Pod } from "@kubernetes/client-node";
import { expect } from "chai";

import type { DynamoCluster } from "../../operator/api/v1alpha1/dynamo-cluster.ts";
import { installOperator, killOperator, operatorRestarts } from "./rig/installed-operator.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { until } from "./rig/until.ts";
import { ShellPod } from "./workload/pods.ts";

const NAME = "hardy";
const NODES = "app.kubernetes.io/component=node";
/** Later than it takes a new process to lead, so that each gets something done. */
const BETWEEN_KILLS_MS = 3_000;

describe("kubernetes: an operator that is killed", function () {
  this.timeout(400_000);
  const namespace = new TestNamespace("killed");
  const shell = new ShellPod(namespace);

  before(async () => {
    await installOperator();
    await namespace.create();
    await shell.start();
  });

  after(() => namespace.delete());

  it("makes a cluster all the same, killed at its first object, its StatefulSet, its pods and its ring", async () => {
    const moments: readonly (readonly [what: string, seen: Promise<unknown>])[] = [
      ["the Secret is there", seen(["secrets"], "{.metadata.name}", /^hardy-secret$/)],
      ["the StatefulSet is there", seen(["statefulsets"], "{.metadata.name}", /^hardy$/)],
      ["a node runs", seen(["pods", "--selector", NODES], "{.status.phase}", /^Running$/)],
      // The one before may have had the time to form it, and none to say so.
      ["the ring is being formed", seen(["dyn"], "{.status.phase}", /^(Forming|Starting|Ready)$/)],
    ];
    await namespace.applyCluster(NAME, { size: 3, storage: { size: "1Gi" } });
    const restarts = await operatorRestarts();
    for (const [what, moment] of moments) {
      await moment.catch((error: unknown) => {
        throw new Error(`not seen: ${what}`, { cause: error });
      });
      await killOperator();
    }
    await namespace.untilSettled(NAME, 120_000);
    await until("each kill counted as a restart", 20_000, async () =>
      (await operatorRestarts()) === restarts + moments.length ? true : undefined,
    );
    await expectOneRing(NAME);
    await shell.dynamokv(NAME, "put", "kept", "through", "kills");
  });

  it("makes three at once while it is killed again and again", async () => {
    const names = ["hardy-a", "hardy-b", "hardy-c"];
    const spec = { size: 3, partitions: 8, storage: { size: "64Mi", reclaimPolicy: "Delete" } };
    await namespace.applyClusters(names, spec);
    for (let kills = 0; kills < 5; kills++) {
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_KILLS_MS));
      await killOperator();
    }
    for (const name of names) {
      await namespace.untilSettled(name, 120_000);
      await expectOneRing(name);
    }
    await namespace.kubectl(["delete", "dyn", ...names]);
  });

  it("grows all volumes, killed when it has asked for the first", async () => {
    const grown = "{.spec.resources.requests.storage}";
    const asked = seen(["pvc", "--selector", `app.kubernetes.io/instance=${NAME}`], grown, /^2Gi$/);
    await namespace.patchCluster(NAME, { storage: { size: "2Gi" } });
    await asked;
    await killOperator();
    await until("all volumes", 60_000, async () => {
      const claims = await claimsOf(NAME);
      return claims.every(({ status }) => status?.capacity?.["storage"] === "2Gi") ? true : undefined;
    });
    await namespace.untilSettled(NAME, 60_000);
  });

  it("gives a lost volume's place back, killed when the empty node runs", async () => {
    const pod = `${NAME}-1`;
    const before = (await namespace.cluster(NAME)).status;
    const old = (await namespace.get<V1Pod>("pod", pod))!.metadata!.uid!;
    const runs = seen(
      ["pods", "--selector", NODES],
      "{.metadata.name} {.metadata.uid} {.status.phase}",
      (line) => {
        const [name, uid, phase] = line.split(" ");
        return name === pod && uid !== old && phase === "Running";
      },
    );
    await namespace.kubectl(["delete", "pvc", `data-${pod}`, "--wait=false"]);
    await namespace.kubectl(["delete", "pod", pod, "--grace-period=0", "--force"]);
    await runs;
    await killOperator();
    await until(`${pod} has its id again`, 90_000, async () => {
      const idOf = ({ status }: DynamoCluster) => status?.nodes?.find((node) => node.pod === pod)?.id;
      const now = await namespace.cluster(NAME);
      return idOf(now) === before?.nodes?.find((node) => node.pod === pod)?.id ? true : undefined;
    });
    await namespace.untilSettled(NAME, 120_000);
    // One epoch more: its ring store is another, which the others let vote again.
    const ring = await until("the ring store is admitted", 90_000, async () => {
      const { status } = await namespace.cluster(NAME);
      return status?.ring?.epoch === before!.ring!.epoch! + 1 ? status.ring : undefined;
    });
    expect(ring.members).to.equal(3);
  });

  it("takes retained volumes over, killed while the cluster is deleted and while it is made again", async () => {
    const before = (await namespace.cluster(NAME)).status;
    await namespace.kubectl(["delete", "dyn", NAME, "--wait=false"]);
    await killOperator();
    // While the old pods are still going.
    await namespace.applyCluster(NAME, { size: 3, storage: { size: "2Gi" } });
    await killOperator();
    const { status } = await namespace.untilSettled(NAME, 120_000);
    expect(status?.clusterId).to.equal(before?.clusterId);
    expect(status?.ring).to.deep.equal(before?.ring);
    expect((await shell.dynamokv(NAME, "get", "kept", "through")).trim()).to.equal("kills");
  });

  it("leaves nothing of a cluster whose volumes go with it, killed at once after the deletion", async () => {
    await namespace.patchCluster(NAME, { storage: { reclaimPolicy: "Delete" } });
    await until("the volumes belong to the cluster", 30_000, async () => {
      const claims = await claimsOf(NAME);
      return claims.every(({ metadata }) => metadata?.ownerReferences?.[0]?.kind === "DynamoCluster")
        ? true
        : undefined;
    });
    await namespace.kubectl(["delete", "dyn", NAME, "--wait=false"]);
    await killOperator();
    // Made under Retain, its Secret stays: the operator has no right to change Secrets.
    const kinds =
      "statefulsets,pods,services,configmaps,serviceaccounts,poddisruptionbudgets,persistentvolumeclaims";
    await until("nothing is left", 90_000, async () => {
      const left = await namespace.list(kinds, "--selector", `app.kubernetes.io/instance=${NAME}`);
      return left.length === 0 ? true : undefined;
    });
  });

  function seen(
    what: readonly string[],
    jsonpath: string,
    wanted: RegExp | ((line: string) => boolean),
  ): Promise<void> {
    const matches = wanted instanceof RegExp ? (line: string) => wanted.test(line) : wanted;
    return namespace.firstSeen(what, jsonpath, matches, 120_000);
  }

  /** Each node's own word: one ring of all three, formed once, and raised once to one that can change. */
  async function expectOneRing(name: string): Promise<void> {
    const program = `
      const rings = await Promise.all([0, 1, 2].map(async (ordinal) => {
        const answer = await fetch("http://${name}-" + ordinal + ".${name}-nodes:9080/admin/v1/ring");
        const { clusterId, epoch, hash, members } = await answer.json();
        return [clusterId, epoch, hash, members.length].join(" ");
      }));
      console.log([...new Set(rings)].join());`;
    const wanted = new RegExp(`^${name}-[0-9a-f]{8} 2 [0-9a-f]+ 3$`);
    await until(`one ring of ${name}`, 30_000, async () => {
      const rings = (await shell.run("node", "--input-type=module", "--eval", program)).trim();
      if (wanted.test(rings)) return true;
      throw new Error(rings);
    });
  }

  function claimsOf(name: string): Promise<readonly V1PersistentVolumeClaim[]> {
    return namespace.list("pvc", "--selector", `app.kubernetes.io/instance=${name}`);
  }
});
