import { expect } from "chai";
import { OperatorRig } from "../double/operator-rig.ts";
import { Refused } from "../double/object-store.ts";

/**
 * Whatever the operator is in the middle of, its process may end after any write, and what it sees may be old. Each
 * stage of a cluster's life is run once for each of its writes: that write's answer is lost, everything after it
 * refused, and another operator takes over.
 */
interface Stage {
  readonly name: string;
  /** Begins it, on a cluster that is ready; undefined for the making of the cluster itself. */
  readonly begin?: (rig: OperatorRig) => void;
  readonly isDone: (rig: OperatorRig) => boolean;
  /** Of the cluster as it is made; 3 where missing. */
  readonly size?: number;
  /** At the end; 3 where missing. */
  readonly claims?: number;
}

/** Longer than the operator waits after a step before it looks again. */
const LATE_MS = 800;

const pods = (rig: OperatorRig) => rig.api.objects.list("Pod");

const STAGES: readonly Stage[] = [
  { name: "the making of a cluster", isDone: () => true },
  {
    name: "a rollout",
    begin: (rig) => rig.change({ settings: { logLevel: "debug" } }),
    isDone: (rig) => rig.status?.nodes?.every(({ upToDate }) => upToDate) === true && isApplied(rig),
  },
  {
    name: "the growth of volumes",
    begin: (rig) => rig.change({ storage: { size: "20Gi", reclaimPolicy: "Retain", whenScaled: "Delete" } }),
    isDone: (rig) => claimSizes(rig).every((size) => size === "20Gi") && templateSize(rig) === "20Gi",
  },
  {
    name: "the return of a lost volume",
    begin: (rig) => {
      rig.pods.volumes.get("demo-1")!.ring = undefined;
      rig.api.objects.delete("PersistentVolumeClaim", "shop", "data-demo-1");
      rig.api.objects.delete("Pod", "shop", "demo-1");
    },
    isDone: (rig) => rig.pods.volumes.get("demo-1")?.ring !== undefined,
  },
  {
    name: "a larger size",
    begin: (rig) => rig.change({ size: 5 }),
    isDone: (rig) => rig.status?.ring?.members === 5 && pods(rig).length === 5,
    claims: 5,
  },
  {
    name: "a smaller size",
    size: 5,
    begin: (rig) => rig.change({ size: 3 }),
    isDone: (rig) => rig.status?.ring?.members === 3 && claimSizes(rig).length === 3,
  },
  {
    name: "a change of who owns the volumes",
    begin: (rig) => rig.change({ storage: { size: "10Gi", reclaimPolicy: "Delete", whenScaled: "Delete" } }),
    isDone: (rig) =>
      rig.api.objects
        .list("PersistentVolumeClaim")
        .every(({ metadata }) => metadata.ownerReferences?.[0]?.kind === "DynamoCluster"),
  },
];

describe("operator: crashes", () => {
  for (const stage of STAGES) {
    it(`${stage.name} comes to its end whichever write is the operator's last`, async function () {
      this.timeout(240_000);
      for (let last = 1; ; last++) {
        expect(last, "writes to come to rest").to.be.lessThan(60);
        if (!(await survivesCrashAfter(stage, last))) return;
      }
    });
  }
});

/** Resolves with whether there were that many writes to crash after. */
async function survivesCrashAfter(stage: Stage, last: number): Promise<boolean> {
  const rig = new OperatorRig(100 + (last % 90));
  try {
    rig.create({ size: stage.size ?? 3 });
    if (stage.begin !== undefined) {
      await rig.startOperator();
      await rig.untilReady();
    }
    const before = rig.api.writes;
    let crashed = false;
    rig.api.afterWrite = (count) => {
      if (count < before + last) return;
      crashed = true;
      throw new Refused(503, "ServiceUnavailable", "planted");
    };
    const fewest = watchPods(rig);
    stage.begin?.(rig);
    if (stage.begin === undefined) await rig.startOperator();
    await rig.until("a crash or the end", () => crashed || (isReady(rig) && stage.isDone(rig)));
    await rig.stopOperator();
    rig.api.afterWrite = () => undefined;
    await rig.startOperator();
    await rig.until(`${stage.name}, crashed after write ${last}`, () => isReady(rig) && stage.isDone(rig));
    await rig.untilReady();
    expectWhole(rig, `${stage.name}, crashed after write ${last}`, stage);
    if (stage.begin !== undefined) expect(fewest(), "pods at the worst moment").to.be.at.least(2);
    return crashed;
  } finally {
    await rig.stop();
  }
}

describe("operator: a picture that is old", () => {
  for (const stage of STAGES.filter(({ begin }) => begin !== undefined)) {
    it(`does no harm to ${stage.name}`, async function () {
      this.timeout(60_000);
      const rig = new OperatorRig(195);
      try {
        rig.create({ size: stage.size ?? 3 });
        await rig.startOperator();
        await rig.untilReady();
        const fewest = watchPods(rig);
        rig.api.watchesHeld = true;
        stage.begin!(rig);
        // Watches hear of everything late and at once: most passes go by a picture from before the last step.
        const stutter = setInterval(() => {
          rig.api.releaseWatches();
          rig.api.watchesHeld = true;
        }, LATE_MS);
        try {
          await rig.until(stage.name, () => isReady(rig) && stage.isDone(rig), 50_000);
        } finally {
          clearInterval(stutter);
          rig.api.releaseWatches();
        }
        await rig.untilReady();
        expectWhole(rig, stage.name, stage);
        expect(fewest(), "pods at the worst moment").to.be.at.least(2);
      } finally {
        await rig.stop();
      }
    });
  }
});

/** What holds whatever happened: one ring, formed once, on as many volumes as there were, and one key. */
function expectWhole(rig: OperatorRig, what: string, { claims = 3 }: Stage): void {
  const rings = new Set([...rig.pods.volumes.values()].map(({ ring }) => JSON.stringify(ring)));
  expect(rings.size, what).to.equal(1);
  expect(rig.pods.formations.length, `formations: ${what}`).to.be.at.most(2);
  expect(new Set(rig.pods.formations.map((members) => members.toSorted().join())).size, what).to.equal(1);
  expect(claimSizes(rig), what).to.have.length(claims);
  expect(rig.pods.changes.length, `ring changes: ${what}`).to.be.at.most(1);
  const keys = rig.api.objects.changes.filter(
    ({ type, object }) => object.kind === "Secret" && type === "ADDED",
  );
  expect(keys, what).to.have.length(1);
}

function watchPods(rig: OperatorRig): () => number {
  let fewest = Infinity;
  rig.api.objects.onChange(() => {
    fewest = Math.min(fewest, pods(rig).length);
  });
  return () => fewest;
}

function isReady(rig: OperatorRig): boolean {
  return rig.condition("Ready")?.status === "True";
}

function claimSizes(rig: OperatorRig): unknown[] {
  return rig.api.objects
    .list("PersistentVolumeClaim")
    .map(({ spec }) => (spec!["resources"] as { requests: { storage: string } }).requests.storage);
}

function templateSize(rig: OperatorRig): string | undefined {
  const [template] = (rig.api.objects.find("StatefulSet", "shop", "demo")?.spec?.["volumeClaimTemplates"] ??
    []) as { spec: { resources: { requests: { storage: string } } } }[];
  return template?.spec.resources.requests.storage;
}

/** The settings reached the pods: nothing is left of the template before. */
function isApplied(rig: OperatorRig): boolean {
  const data = rig.api.objects.get("ConfigMap", "shop", "demo-nodes")["data"] as Record<string, string>;
  const set = rig.api.objects.find("StatefulSet", "shop", "demo");
  const template = set?.spec?.["template"] as
    { metadata: { annotations: Record<string, string> } } | undefined;
  const hash = template?.metadata.annotations["dynamokv.io/template-hash"];
  return (
    data["DYNAMO_LOG_LEVEL"] === "debug" &&
    pods(rig).length === 3 &&
    pods(rig).every(({ metadata }) => metadata.annotations?.["dynamokv.io/template-hash"] === hash)
  );
}
