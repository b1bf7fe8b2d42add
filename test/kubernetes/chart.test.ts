/**
 * The chart as text: what is promised to those who read it before they install it. Needs helm and skaffold; only the
 * NOTES need a cluster.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { loadAll } from "js-yaml";

import { projectFile } from "./rig/installed-operator.ts";
import { CommandFailed, helm, kubectl, run } from "./rig/kubectl.ts";

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> };
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  readonly spec?: unknown;
}

describe("kubernetes: the chart", function () {
  this.timeout(60_000);

  it("is deploy/operator.yaml without Helm; else run deploy/render.sh", async () => {
    const directory = await mkdtemp(join(tmpdir(), "dynamokv-chart-"));
    try {
      await run(projectFile("deploy/render.sh"), [join(directory, "operator.yaml")]);
      const text = await readFile(join(directory, "operator.yaml"), "utf8");
      expect(await readFile(projectFile("deploy/operator.yaml"), "utf8")).to.equal(text);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("tells who installed it the next command, for the cluster that is asked for or for one to be made", async () => {
    // Helm refuses a kind that the cluster does not know, also where nothing is to be done.
    const crd = projectFile("crds/dynamoclusters.yaml");
    await kubectl(["apply", "--server-side", "--force-conflicts", "--filename", crd]);
    await kubectl(["wait", "--for=condition=Established", "--timeout=30s", "--filename", crd]);
    const said = await notes();
    expect(said).to.contain("kubectl apply -n n -f -").and.to.contain("name: demo");
    expect(said).to.contain("curl http://demo.n.svc:8080/v1/kv/greetings/first");
    expect(await notes("--set", "cluster.create=true")).to.contain("kubectl -n n get dyn demo --watch");
  });

  it("makes a cluster where it is asked to, and leaves that to its owner when it is uninstalled", async () => {
    const made = await rendered("--set", "cluster.create=true", "--set", "cluster.name=carts");
    const cluster = made.find(({ kind }) => kind === "DynamoCluster");
    expect(cluster?.metadata.name).to.equal("carts");
    expect(cluster?.metadata.annotations?.["helm.sh/resource-policy"]).to.equal("keep");
    expect((await rendered()).some(({ kind }) => kind === "DynamoCluster")).to.equal(false);
  });

  it("keeps the CRD, and with it every cluster, when it is uninstalled", async () => {
    const crd = (await rendered()).find(({ kind }) => kind === "CustomResourceDefinition");
    expect(crd?.metadata.annotations?.["helm.sh/resource-policy"]).to.equal("keep");
  });

  it("asks for no right on Secrets but to read and create them by name", async () => {
    const rights = (await rendered()).flatMap(({ rules = [] }) => rules);
    const onSecrets = rights.filter(({ resources }) => resources.includes("secrets"));
    expect(onSecrets.map(({ verbs }) => verbs)).to.deep.equal([["get", "create"]]);
    expect(rights.some(({ resources, verbs }) => resources.includes("*") || verbs.includes("*"))).to.equal(
      false,
    );
  });

  it("asks for nothing outside of its namespace where it is told to stay there", async () => {
    const kinds = (await rendered("--set", "scope=namespace")).map(({ kind }) => kind);
    expect(kinds).to.include("Role").and.to.not.include("ClusterRole");
  });

  it("names the image by its digest where one is given", async () => {
    const deployment = (await rendered("--set", `image.digest=sha256:${"0".repeat(64)}`)).find(
      ({ kind }) => kind === "Deployment",
    );
    expect(JSON.stringify(deployment?.spec)).to.contain(`dynamokv@sha256:${"0".repeat(64)}`);
  });

  for (const [what, value] of [
    ["an unknown scope", "scope=planet"],
    ["a log level that does not exist", "logLevel=loud"],
    ["a value that does not exist", "imagine.repository=x"],
  ] as const) {
    it(`refuses ${what}`, async () => {
      try {
        await rendered("--set", value);
      } catch (error) {
        if (!(error instanceof CommandFailed)) throw error;
        expect(error.output).to.contain("values don't meet the specifications of the schema");
        return;
      }
      throw new Error("it was accepted");
    });
  }
});

describe("kubernetes: skaffold.yaml", function () {
  this.timeout(120_000);

  it("is understood: skaffold diagnose finds the image and the release", async () => {
    const said = await skaffold("diagnose", "--yaml-only");
    expect(said).to.contain("image: dynamokv");
    expect(said).to.match(/chartPath: \S*charts\/dynamokv\n/);
  });

  it("renders the chart with the image that it builds, and a cluster to try it on", async () => {
    const text = await skaffold("render", "--offline=true", "--digest-source=none", "--images=dynamokv:test");
    // What it has to say itself comes first.
    const manifests = loadAll(text.slice(text.indexOf("apiVersion:")));
    const objects = manifests.filter((object) => object !== null && object !== undefined) as Rendered[];
    const operator = objects.find(({ kind }) => kind === "Deployment");
    expect(JSON.stringify(operator?.spec)).to.match(/"image":"dynamokv(:[^"]+)?"/);
    expect(objects.map(({ kind }) => kind))
      .to.include("DynamoCluster")
      .and.to.include("CustomResourceDefinition");
  });
});

/** Nothing is built, no cluster is asked, nothing is reported to anybody. */
function skaffold(...args: string[]): Promise<string> {
  const quiet = ["--interactive=false", "--update-check=false", "--filename", projectFile("skaffold.yaml")];
  return run("skaffold", [...args, ...quiet], { timeoutMs: 100_000, directory: projectFile("") });
}

/** What helm says after an installation. It asks the cluster for its version first, and whose the CRD is. */
async function notes(...options: string[]): Promise<string> {
  const chart = projectFile("charts/dynamokv");
  const install = [
    "install",
    "t",
    chart,
    "--namespace",
    "n",
    "--dry-run=client",
    "--set",
    "crds.install=false",
  ];
  const said = await helm([...install, ...options]);
  return said.slice(said.indexOf("NOTES:"));
}

async function rendered(...options: string[]): Promise<readonly Rendered[]> {
  const chart = projectFile("charts/dynamokv");
  const text = await helm(["template", "t", chart, "--namespace", "n", "--kube-version", "1.29", ...options]);
  return loadAll(text).filter((object) => object !== null && object !== undefined) as Rendered[];
}
