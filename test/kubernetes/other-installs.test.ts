/** The ways to install it besides the plain `helm install`: without Helm, and with rights in one namespace only. */
import { readFile } from "node:fs/promises";

import { expect } from "chai";

import { installOperator, projectFile, testImage, uninstallOperator } from "./rig/installed-operator.ts";
import { kubectl } from "./rig/kubectl.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { ShellPod } from "./workload/pods.ts";

const READY_MS_MAX = 30_000;
const NAME = "demo";
/** What deploy/operator.yaml is rendered with. */
const MANIFEST_IMAGE = /image: dynamokv:\S+/g;
const MANIFEST_IMAGE_VALUE = /value: dynamokv:\S+/g;

describe("kubernetes: other ways to install it", function () {
  this.timeout(300_000);

  before(() => uninstallOperator());

  describe("without Helm", () => {
    const namespace = new TestNamespace("without-helm");
    const shell = new ShellPod(namespace);
    let manifests: string;

    before(async () => {
      const text = await readFile(projectFile("deploy/operator.yaml"), "utf8");
      expect(text.match(MANIFEST_IMAGE), "the operator's image").to.have.length(1);
      expect(text.match(MANIFEST_IMAGE_VALUE), "the image that it gives to nodes").to.have.length(1);
      manifests = text
        .replace(MANIFEST_IMAGE, `image: ${testImage()}`)
        .replace(MANIFEST_IMAGE_VALUE, `value: ${testImage()}`);
      await namespace.create();
    });

    after(async () => {
      // All but the CRD: with it every DynamoCluster would go.
      const kept = manifests
        .split(/^---$/m)
        .filter((part) => !/^kind: CustomResourceDefinition$/m.test(part));
      await namespace.delete();
      await kubectl(["delete", "--ignore-not-found", "--wait=false", "-f", "-"], { input: kept.join("---") });
    });

    it("one kubectl apply installs it, another makes a cluster that is ready within half a minute", async () => {
      // Other tests left the CRD that Helm made: as docs/OPERATIONS.md says of a change from the one to the other.
      await kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], { input: manifests });
      const rollout = ["rollout", "status", "deployment/dynamokv-operator", "--timeout=60s"];
      await kubectl(["--namespace", "dynamokv", ...rollout]);
      await shell.start();
      const startedMs = performance.now();
      await namespace.apply(await readFile(projectFile("examples/cluster.yaml"), "utf8"));
      await namespace.untilCondition(NAME, "Ready", "True", 2 * READY_MS_MAX);
      expect(performance.now() - startedMs).to.be.below(READY_MS_MAX);
      await shell.dynamokv(NAME, "put", "greetings", "first", "hello");
      expect((await shell.dynamokv(NAME, "get", "greetings", "first")).trim()).to.equal("hello");
    });
  });

  describe("with rights in its own namespace only", () => {
    const namespace = new TestNamespace("scoped");
    const elsewhere = new TestNamespace("scoped-not");

    before(async () => {
      await namespace.create();
      await elsewhere.create();
      // The CRD is there already, and belongs to the release that made it.
      await installOperator({ namespace: namespace.name, values: ["scope=namespace", "crds.install=false"] });
    });

    after(async () => {
      await uninstallOperator(namespace.name);
      await namespace.delete();
      await elsewhere.delete();
    });

    it("cares for the clusters there, and for no others", async () => {
      const spec = { size: 3, storage: { size: "1Gi", reclaimPolicy: "Delete" } };
      await elsewhere.applyCluster(NAME, spec);
      await namespace.applyCluster(NAME, spec);
      await namespace.untilSettled(NAME, 90_000);
      expect((await elsewhere.cluster(NAME)).status).to.equal(undefined);
      expect(await elsewhere.list("statefulsets")).to.deep.equal([]);
    });

    it("may do nothing in other namespaces", async () => {
      const as = `system:serviceaccount:${namespace.name}:dynamokv-operator`;
      const may = (verb: string, what: string, where: TestNamespace): Promise<boolean> =>
        where.kubectl(["auth", "can-i", verb, what, "--as", as]).then(
          () => true,
          () => false,
        );
      expect(await may("create", "statefulsets", namespace)).to.equal(true);
      for (const [verb, what] of [
        ["list", "dynamoclusters"],
        ["create", "statefulsets"],
        ["get", "secrets"],
        ["delete", "pods"],
      ] as const) {
        expect(await may(verb, what, elsewhere), `${verb} ${what}`).to.equal(false);
      }
      expect(await may("list", "secrets", namespace), "list secrets").to.equal(false);
    });
  });
});
