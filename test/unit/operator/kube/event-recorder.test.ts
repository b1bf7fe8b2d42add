import type { KubernetesObject } from "@kubernetes/client-node";
import { expect } from "chai";
import { EventRecorder } from "../../../../operator/kube/event-recorder.ts";
import type { KubeClient } from "../../../../operator/kube/kube-client.ts";
import { clusterOf } from "../observed-cluster.ts";

type Written = KubernetesObject & { readonly note: string; readonly regarding: { readonly uid: string } };

describe("operator: the recorder of events", () => {
  const written: Written[] = [];
  const troubles: string[] = [];
  let refuses = false;
  const client = {
    create: (object: Written) => {
      if (refuses) return Promise.reject(new Error("forbidden"));
      written.push(object);
      return Promise.resolve(object);
    },
  } as unknown as KubeClient;
  const recorder = () => new EventRecorder(client, "operator-1", (message) => troubles.push(message));
  const event = {
    type: "Warning",
    reason: "QuorumLost",
    action: "Observe",
    note: "3 of 8 partitions",
  } as const;

  beforeEach(() => {
    written.length = 0;
    troubles.length = 0;
    refuses = false;
  });

  it("tells of the same thing once in ten minutes, and of another at once", () => {
    const events = recorder();
    events.record(clusterOf(), event);
    events.record(clusterOf(), event);
    expect(written).to.have.length(1);
    events.record(clusterOf(), { ...event, note: "4 of 8 partitions" });
    const other = clusterOf();
    events.record({ ...other, metadata: { ...other.metadata, uid: "another" } }, event);
    expect(written.map(({ regarding }) => regarding.uid)).to.deep.equal([
      clusterOf().metadata.uid,
      clusterOf().metadata.uid,
      "another",
    ]);
  });

  it("keeps a note to the length that the API server takes", () => {
    recorder().record(clusterOf(), { ...event, note: "x".repeat(5_000) });
    expect(written[0]!.note).to.have.length(1_000);
  });

  it("drops an event that cannot be written, and says so", async () => {
    refuses = true;
    recorder().record(clusterOf(), event);
    await new Promise((resolve) => setImmediate(resolve));
    expect(troubles).to.deep.equal(["event QuorumLost of shop/demo was not written: Error: forbidden"]);
  });
});
