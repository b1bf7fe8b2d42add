import { expect } from "chai";
import { StepTaker } from "../../../../operator/controller/step-taker.ts";
import { ApiConnection, isConflict } from "../../../../operator/kube/api-connection.ts";
import { EventRecorder } from "../../../../operator/kube/event-recorder.ts";
import { KubeClient } from "../../../../operator/kube/kube-client.ts";
import { NodeInquiry } from "../../../../operator/kube/node-inquiry.ts";
import { ApiServerDouble } from "../double/api-server-double.ts";
import { clusterOf, observedOf } from "../observed-cluster.ts";

describe("operator: taking a step", () => {
  const api = new ApiServerDouble();
  let steps: StepTaker;

  before(async () => {
    const client = new KubeClient(new ApiConnection(await api.start()));
    const events = new EventRecorder(client, "test", () => undefined);
    steps = new StepTaker(client, new NodeInquiry(), events);
  });

  after(() => api.stop());

  for (const how of ["evict", "delete"] as const) {
    it(`by ${how} takes only the very pod that was looked at`, async () => {
      const header = { apiVersion: "v1", kind: "Pod" };
      const { metadata } = api.objects.create({ ...header, metadata: { name: "demo-0", namespace: "shop" } });
      const step = { kind: "restart_pod", pod: "demo-0", how, why: "a test" } as const;
      const { resourceVersion } = metadata;
      const of = (uid: string) =>
        steps.take({ ...step, uid, resourceVersion }, observedOf(clusterOf()), undefined);
      const refused = await of("another").then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(isConflict(refused)).to.equal(true);
      expect(api.objects.find("Pod", "shop", "demo-0")?.metadata.uid).to.equal(metadata.uid);
      await of(metadata.uid);
      expect(api.objects.find("Pod", "shop", "demo-0")).to.equal(undefined);
    });
  }
});
