/** The API server itself refuses what cannot work, with the sentence that the user needs: no webhook is asked. */
import { expect } from "chai";

import { clusterRules, specSchema } from "../../operator/api/v1alpha1/spec-schema.ts";
import type { Schema } from "../../operator/api/v1alpha1/schema-type.ts";
import { installOperator } from "./rig/installed-operator.ts";
import { CommandFailed, kubectl } from "./rig/kubectl.ts";
import { TestNamespace } from "./rig/test-namespace.ts";
import { beyondLimits } from "./schema-limits.ts";

const FACTOR_1 = { factor: 1, readQuorum: 1, writeQuorum: 1 };

/** What is wrong, the spec, and what the API server must say. */
const REFUSED: readonly (readonly [string, object, string])[] = [
  ["no size", {}, "spec.size: Required value"],
  ["a size of none", { size: 0 }, "spec.size in body should be greater than or equal to 1"],
  [
    "a size below the factor",
    { size: 2 },
    "size is less than replication.factor: each key needs that many nodes; raise size",
  ],
  [
    "a read quorum above the factor",
    { size: 3, replication: { readQuorum: 4 } },
    "replication.readQuorum is larger than replication.factor: a read cannot wait for more copies than there are",
  ],
  [
    "a write quorum above the factor",
    { size: 3, replication: { writeQuorum: 4 } },
    "replication.writeQuorum is larger than replication.factor: a write cannot wait for more copies than there are",
  ],
  [
    "a factor of none",
    { size: 3, replication: { factor: 0 } },
    "spec.replication.factor in body should be greater than or equal to 1",
  ],
  [
    "more zones than nodes",
    { size: 3, zones: ["a", "b", "c", "d"] },
    "size is less than the number of zones: each zone needs a node",
  ],
  ["no zone in the list of zones", { size: 3, zones: [] }, "spec.zones in body should have at least 1 items"],
  ["a zone twice", { size: 3, zones: ["a", "a"] }, "Duplicate value"],
  ["a zone that no host can have", { size: 3, zones: ["Zone A"] }, "spec.zones[0] in body should match"],
  [
    "partitions that are no power of two",
    { size: 3, partitions: 100 },
    "partitions is not a power of two: give 256 unless you know better",
  ],
  [
    "too few partitions",
    { size: 3, partitions: 4 },
    "spec.partitions in body should be greater than or equal to 8",
  ],
  [
    "a storage size that is no amount",
    { size: 3, storage: { size: "ten" } },
    "this is no quantity: write a number with a unit, such as 10Gi",
  ],
  [
    "a volume in which no node can work",
    { size: 3, storage: { size: "1Mi" } },
    "storage.size is below 64Mi: a node cannot work in that; give at least 64Mi",
  ],
  [
    "an unknown reclaim policy",
    { size: 3, storage: { reclaimPolicy: "Keep" } },
    'supported values: "Retain", "Delete"',
  ],
  [
    "an unknown log level",
    { size: 3, settings: { logLevel: "loud" } },
    'supported values: "error", "warn", "info", "debug"',
  ],
  [
    "an unknown update policy",
    { size: 3, updatePolicy: "Never" },
    'supported values: "OnSpecChange", "Automatic"',
  ],
  ["an image with a space", { size: 3, image: "dynamo kv" }, "spec.image in body should match"],
  [
    "a label that the operator needs",
    { size: 3, pod: { labels: { "app.kubernetes.io/name": "mine" } } },
    "pod.labels must not begin with app.kubernetes.io/ or dynamokv.io/: the operator finds its pods by them; choose other names",
  ],
  [
    "an annotation that the operator needs",
    { size: 3, pod: { annotations: { "dynamokv.io/template-hash": "0" } } },
    "pod.annotations must not begin with dynamokv.io/: the operator keeps its own there; choose other names",
  ],
  [
    "too little time to stop",
    { size: 3, pod: { terminationGracePeriodSeconds: 1 } },
    "spec.pod.terminationGracePeriodSeconds in body should be greater than or equal to 10",
  ],
  ["a field that does not exist", { size: 3, replicas: 3 }, 'unknown field "spec.replicas"'],
];

/** The same for what cannot change; each against a cluster of `before`. */
const BEFORE = {
  size: 3,
  zones: ["a", "b", "c"],
  replication: { factor: 3 },
  storage: { size: "2Gi", className: "one" },
};
const UNCHANGEABLE: readonly (readonly [string, object, string])[] = [
  [
    "the factor",
    { replication: FACTOR_1 },
    "replication.factor cannot be changed: it is fixed for the life of a cluster; create a new cluster and copy the data",
  ],
  [
    "the partitions",
    { partitions: 512 },
    "partitions cannot be changed: it is fixed for the life of a cluster; create a new cluster",
  ],
  [
    "the zones",
    { zones: ["a", "b"] },
    "zones cannot be changed: nodes cannot move between zones; create a new cluster with them",
  ],
  [
    "the storage class",
    { storage: { className: "two" } },
    "storage.className cannot be changed: volumes cannot move to another class; create a new cluster with it",
  ],
  [
    "a volume to a smaller one",
    { storage: { size: "1Gi" } },
    "storage.size cannot shrink: volumes only grow; keep the old size or a larger one",
  ],
];

describe("kubernetes: the CRD", function () {
  this.timeout(120_000);
  const namespace = new TestNamespace("crd");

  before(async () => {
    await installOperator();
    await namespace.create();
  });

  after(() => namespace.delete());

  for (const [what, spec, sentence] of REFUSED) {
    it(`refuses ${what}`, async () => {
      const manifest = { ...header("bad"), spec };
      const said = await refusal(
        namespace.kubectl(["create", "--dry-run=server", "--validate=strict", "-f", "-"], {
          input: JSON.stringify(manifest),
        }),
      );
      expect(said).to.contain(sentence);
    });
  }

  it("is asked for something bad for each rule of its schema, by the tests above", () => {
    const told = [...REFUSED, ...UNCHANGEABLE].map(([, , sentence]) => sentence);
    const rules = [...messagesOf(specSchema), ...clusterRules.map(({ message }) => message)];
    expect(rules).to.have.length.above(12);
    expect(rules.filter((message) => !told.some((sentence) => message.includes(sentence)))).to.deep.equal([]);
  });

  it("refuses what is beyond any limit, and names the limit", async () => {
    const cases = beyondLimits();
    expect(cases).to.have.length.above(30);
    const input = cases
      .map(({ spec }, index) => JSON.stringify({ ...header(`bad-${index}`), spec }))
      .join("\n---\n");
    const said = await refusal(namespace.kubectl(["create", "--dry-run=server", "-f", "-"], { input }));
    expect(said).to.not.contain(" created ");
    expect(cases.filter(({ sentence }) => !said.includes(sentence))).to.deep.equal([]);
  });

  it("refuses a name that its pods could not have", async () => {
    const input = JSON.stringify({ ...header("n".repeat(41)), spec: { size: 3 } });
    const said = await refusal(namespace.kubectl(["create", "--dry-run=server", "-f", "-"], { input }));
    expect(said).to.contain("metadata.name: Too long: may not be more than 40 bytes");
  });

  describe("of a cluster that exists", () => {
    before(async () => {
      // Paused: this is about the API server, and no pod is needed.
      await namespace.applyCluster("fixed", { ...BEFORE, paused: true });
    });

    for (const [what, change, sentence] of UNCHANGEABLE) {
      it(`refuses to change ${what}`, async () => {
        expect(await refusal(namespace.patchCluster("fixed", change))).to.contain(sentence);
      });
    }

    it("lets a volume grow", () => namespace.patchCluster("fixed", { storage: { size: "3Gi" } }));
  });

  it("fills in every default of a spec that only says how many", async () => {
    await namespace.applyCluster("defaults", { size: 3, paused: true });
    const { spec } = await namespace.cluster("defaults");
    expect(spec).to.deep.include({
      size: 3,
      partitions: 256,
      replication: { factor: 3, readQuorum: 2, writeQuorum: 2 },
      storage: { size: "10Gi", reclaimPolicy: "Retain", whenScaled: "Delete" },
      updatePolicy: "OnSpecChange",
      disruptionBudget: true,
    });
  });

  it("is known to kubectl by its short name and explains its fields", async () => {
    expect(await kubectl(["explain", "dyn.spec.storage.reclaimPolicy"])).to.contain(
      "outlive the DynamoCluster",
    );
  });
});

function header(name: string) {
  return { apiVersion: "dynamokv.io/v1alpha1", kind: "DynamoCluster", metadata: { name } };
}

/** What the API server says where a rule does not hold, of every rule in the schema. */
function messagesOf(schema: Schema): readonly string[] {
  const own = (schema["x-kubernetes-validations"] ?? []).map(({ message }) => message);
  return [...own, ...Object.values(schema.properties ?? {}).flatMap(messagesOf)];
}

/** What the API server said when it refused; fails where it did not refuse. */
async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof CommandFailed) return error.output;
    throw error;
  }
  throw new Error("it was accepted");
}
