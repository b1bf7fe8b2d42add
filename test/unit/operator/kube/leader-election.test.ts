import { expect } from "chai";
import { ApiConnection } from "../../../../operator/kube/api-connection.ts";
import { KubeClient } from "../../../../operator/kube/kube-client.ts";
import { LeaderElection } from "../../../../operator/kube/leader-election.ts";
import { ApiServerDouble } from "../double/api-server-double.ts";

const TIMING = { durationMs: 1_000, renewWithinMs: 600, everyMs: 100 };

describe("operator: who leads", () => {
  let api: ApiServerDouble;
  let client: KubeClient;
  let elections: LeaderElection[];
  let led: string[];
  let lost: string[];

  beforeEach(async () => {
    api = new ApiServerDouble();
    client = new KubeClient(new ApiConnection(await api.start()));
    elections = [];
    led = [];
    lost = [];
  });

  afterEach(async () => {
    for (const election of elections) await election.stop();
    await api.stop();
  });

  function candidate(identity: string, hasEnded?: (holder: string) => boolean): LeaderElection {
    const election = new LeaderElection({
      client,
      lease: { namespace: "dynamokv", name: "dynamokv-operator" },
      identity,
      ...(hasEnded === undefined ? {} : { hasEnded }),
      onLeading: () => led.push(identity),
      onLost: () => lost.push(identity),
      onTrouble: () => undefined,
      timing: TIMING,
    });
    elections.push(election);
    election.start();
    return election;
  }

  async function until(holds: () => boolean, limitMs: number): Promise<number> {
    const startedMs = performance.now();
    while (!holds()) {
      if (performance.now() - startedMs > limitMs)
        throw new Error(`not within ${limitMs} ms: led ${led.join()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return performance.now() - startedMs;
  }

  it("is one of those that are there, for as long as it renews", async () => {
    candidate("a");
    candidate("b");
    await until(() => led.length > 0, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 3 * TIMING.durationMs));
    expect(led).to.have.length(1);
    expect(lost).to.deep.equal([]);
  });

  it("changes at once when the leader ends in good order", async () => {
    const first = candidate("a");
    await until(() => led.includes("a"), 1_000);
    candidate("b");
    await first.stop();
    expect(await until(() => led.includes("b"), 1_000)).to.be.below(TIMING.durationMs);
  });

  it("changes only after the whole duration when the leader says nothing any more", async () => {
    api.objects.create(leaseOf("gone"));
    candidate("b");
    expect(await until(() => led.includes("b"), 3_000)).to.be.above(TIMING.durationMs - 50);
  });

  it("is not waited for where the holder was an earlier process of the same pod", async () => {
    api.objects.create(leaseOf("pod-00000000"));
    candidate("pod-11111111", (holder) => holder.startsWith("pod-"));
    expect(await until(() => led.length > 0, 3_000)).to.be.below(TIMING.durationMs / 2);
  });

  it("gives up before anybody else may begin, when it cannot renew", async () => {
    candidate("a");
    await until(() => led.includes("a"), 1_000);
    await api.stop();
    expect(await until(() => lost.includes("a"), 3_000)).to.be.below(TIMING.durationMs);
  });

  it("gives up in time also where the API server takes requests and never answers", async () => {
    candidate("a");
    await until(() => led.includes("a"), 1_000);
    api.hangs = true;
    expect(await until(() => lost.includes("a"), 3_000)).to.be.below(TIMING.durationMs);
  });

  it("gives up when somebody else holds the lease", async () => {
    candidate("a");
    await until(() => led.includes("a"), 1_000);
    const { namespace, name } = { namespace: "dynamokv", name: "dynamokv-operator" };
    api.objects.mergePatch("Lease", namespace, name, { spec: { holderIdentity: "thief" } });
    await until(() => lost.includes("a"), 1_000);
  });
});

function leaseOf(holderIdentity: string) {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { namespace: "dynamokv", name: "dynamokv-operator" },
    spec: { holderIdentity, leaseDurationSeconds: 1, renewTime: "2026-01-01T00:00:00.000000Z" },
  };
}
