import { expect } from "chai";
import { ObjectApplier } from "../../../../operator/controller/object-applier.ts";
import type { DesiredObject } from "../../../../operator/desired/desired-objects.ts";
import { ApiConnection } from "../../../../operator/kube/api-connection.ts";
import type { ClusterCaches } from "../../../../operator/kube/cluster-caches.ts";
import { KubeClient } from "../../../../operator/kube/kube-client.ts";
import { ApiServerDouble } from "../double/api-server-double.ts";

const seesNothing = { services: { get: () => undefined } } as unknown as ClusterCaches;

function service(owner: string): DesiredObject {
  const reference = { apiVersion: "dynamokv.io/v1alpha1", kind: "DynamoCluster", name: owner, uid: owner };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "demo-nodes", namespace: "shop", ownerReferences: [reference] },
  };
}

describe("operator: applying an object", () => {
  const api = new ApiServerDouble();
  let applier: ObjectApplier;

  before(async () => {
    const client = new KubeClient(new ApiConnection(await api.start()));
    applier = new ObjectApplier(client, seesNothing);
  });

  after(() => api.stop());

  it("makes it where there is none, and leaves it to its cluster where no cache has heard of it yet", async () => {
    await applier.apply(service("demo"));
    const made = api.objects.get("Service", "shop", "demo-nodes");
    const refused = await applier.apply(service("demo-nodes")).then(
      () => "applied",
      (error: unknown) => (error as Error).message,
    );
    expect(refused).to.contain("Service demo-nodes is that of DynamoCluster demo");
    expect(api.objects.get("Service", "shop", "demo-nodes")).to.deep.equal(made);
  });
});
