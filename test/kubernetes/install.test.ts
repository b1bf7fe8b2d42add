/** From nothing to a cluster that answers, and back: what the README promises to a new user. */
import { readFile } from "node:fs/promises";

import { expect } from "chai";

import {
  installOperator,
  killOperator,
  operatorLeads,
  operatorPods,
  projectFile,
  uninstallOperator,
} from "./rig/installed-operator.ts";
import { kubectl } from "./rig/kubectl.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { until } from "./rig/until.ts";
import { ShellPod } from "./workload/pods.ts";

const READY_MS_MAX = 30_000;
const NAME = "demo";

describe("kubernetes: a new user", function () {
  this.timeout(300_000);
  const namespace = new TestNamespace("install");
  const shell = new ShellPod(namespace);
  const phases: string[] = [];

  before(async () => {
    await namespace.create();
    await installOperator();
    await shell.start();
  });

  after(async () => {
    await installOperator();
    await namespace.delete();
  });

  it("applies ten lines and has a cluster that is ready within half a minute", async () => {
    const manifest = await readFile(projectFile("examples/cluster.yaml"), "utf8");
    expect(manifest.trim().split("\n")).to.have.length.at.most(10);
    const isReady = (phase: string): boolean => {
      if (phase !== "" && phases.at(-1) !== phase) phases.push(phase);
      return phase === "Ready";
    };
    const ready = namespace.firstSeen(["dyn"], "{.status.phase}", isReady, 2 * READY_MS_MAX);
    const startedMs = performance.now();
    await namespace.apply(manifest);
    await ready;
    const elapsedMs = performance.now() - startedMs;
    process.stdout.write(`      ready after ${(elapsedMs / 1_000).toFixed(1)} s: ${phases.join(", ")}\n`);
    expect(elapsedMs).to.be.below(READY_MS_MAX);
  });

  it("was told the truth meanwhile: one phase after the other, none twice", () => {
    const order = ["Pending", "Forming", "Starting", "Ready"];
    expect(phases).to.deep.equal(order.filter((phase) => phases.includes(phase)));
    expect(phases[0]).to.equal("Pending");
  });

  it("puts and gets from a pod by the name of the Service, with curl's means alone", async () => {
    const program = `
      const url = "http://${NAME}.${namespace.name}.svc:8080/v1/kv/greetings/first";
      const put = await fetch(url, { method: "PUT", body: "hello" });
      const get = await fetch(url);
      console.log(put.status, get.status, await get.text());`;
    const said = await shell.connected("node", "--input-type=module", "--eval", program);
    expect(said.trim()).to.equal("204 200 hello");
  });

  it("asks all nodes from inside a node's pod, without options", async () => {
    const members = await namespace.kubectl([
      "exec",
      `${NAME}-0`,
      "--",
      "dynamokv",
      "members",
      "--output",
      "json",
    ]);
    for (const ordinal of [0, 1, 2]) expect(members).to.contain(`${NAME}-${ordinal}.${NAME}-nodes`);
  });

  it("sees a table that says it all", async () => {
    const table = await namespace.kubectl(["get", "dyn"]);
    expect(table).to.match(/NAME +NODES +READY +STATUS +VERSION +AGE/);
    expect(table).to.match(/demo +3 +3 +Ready +\d+\.\d+\.\d+/);
  });

  it("can wait for it with kubectl, and has each condition judged by the present spec", async () => {
    await namespace.kubectl(["wait", `dyn/${NAME}`, "--for=condition=Ready", "--timeout=20s"]);
    const { metadata, status } = await namespace.cluster(NAME);
    expect(status?.conditions).to.not.be.empty;
    for (const condition of status?.conditions ?? []) {
      expect(condition.observedGeneration, condition.type).to.equal(metadata.generation);
    }
  });

  it("finds everything as it was after the operator has gone over it once more, and after another one has", async () => {
    // A change of metadata makes it look; there is nothing to do.
    await namespace.kubectl(["annotate", "dyn", NAME, "example.org/touched=yes"]);
    await namespace.untilSettled(NAME, 30_000);
    const before = await versions(namespace);
    await namespace.kubectl(["label", "configmap", `${NAME}-nodes`, "example.org/touched=yes"]);
    const touched = await versions(namespace);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await versions(namespace)).to.deep.equal(touched);
    expect(Object.keys(before).filter((name) => before[name] !== touched[name])).to.deep.equal([
      `ConfigMap/${NAME}-nodes`,
    ]);
    await killOperator();
    await until("another process leads", 60_000, async () => {
      const [pod = ""] = await operatorPods();
      return (await operatorLeads(pod)) ? true : undefined;
    });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await versions(namespace)).to.deep.equal(touched);
  });

  it("runs two operators, and one leads", async () => {
    await installOperator({ replicas: 2 });
    const pods = await until("two operators", 60_000, async () => {
      const found = await operatorPods();
      return found.length === 2 ? found : undefined;
    });
    await until("exactly one leads", 60_000, async () => {
      const leads = await Promise.all(pods.map(operatorLeads));
      return leads.filter(Boolean).length === 1 ? true : undefined;
    });
    await installOperator({ replicas: 1 });
  });

  it("loses neither CRD nor cluster nor data when the chart is uninstalled, and nothing is missed meanwhile", async () => {
    await shell.dynamokv(NAME, "put", "greetings", "second", "still here");
    await uninstallOperator();
    await kubectl(["get", "crd", "dynamoclusters.dynamokv.io"]);
    expect((await shell.dynamokv(NAME, "get", "greetings", "second")).trim()).to.equal("still here");
    await installOperator();
    await namespace.untilSettled(NAME, 60_000);
  });
});

/** resourceVersion of the cluster and of all that the operator makes for it, by kind and name. */
async function versions(namespace: TestNamespace): Promise<Record<string, string>> {
  const kinds =
    "statefulsets,services,configmaps,serviceaccounts,poddisruptionbudgets,persistentvolumeclaims,secrets,pods";
  const selector = "app.kubernetes.io/component=node";
  const objects = await namespace.list<Versioned>(kinds, "--selector", selector);
  expect(objects).to.have.length.above(10);
  const clusters = await namespace.list<Versioned>("dyn");
  return Object.fromEntries(
    [...objects, ...clusters].map(({ kind, metadata }) => [
      `${kind}/${metadata.name}`,
      versionOf(kind, metadata),
    ]),
  );
}

interface Versioned {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
}

/** Kubernetes' own controller counts a StatefulSet's pods in its status, seconds late where the machine is busy. */
function versionOf(
  kind: string,
  { resourceVersion, generation, labels, annotations }: Versioned["metadata"],
): string {
  return kind === "StatefulSet" ? JSON.stringify({ generation, labels, annotations }) : resourceVersion;
}
