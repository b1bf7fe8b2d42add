/** What an operator costs when there is nothing to do: twenty real clusters, nobody touches them. */
import { expect } from "chai";

import { installOperator, operatorMetrics } from "./rig/installed-operator.ts";
import { TestNamespace } from "./rig/test-namespace.ts";

const CLUSTERS = 20;
const MEASURED_MS = 60_000;
/** A lease renewed every five seconds, and eight watches opened anew every five minutes. */
const REQUESTS_A_MINUTE_MAX = 16;
const RESIDENT_BYTES_MAX = 160 * 1024 * 1024;
const CPU_SHARE_MAX = 0.03;

describe("kubernetes: an operator at rest", function () {
  this.timeout(400_000);
  const namespace = new TestNamespace("at-rest");

  before(async () => {
    await installOperator();
    await namespace.create();
  });

  after(() => namespace.delete());

  it(`needs next to nothing for ${CLUSTERS} clusters`, async () => {
    // One node each: it is the operator that is measured, which looks at a cluster of one as at any other.
    const spec = {
      size: 1,
      partitions: 8,
      replication: { factor: 1, readQuorum: 1, writeQuorum: 1 },
      storage: { size: "64Mi", reclaimPolicy: "Delete" },
      resources: { requests: { cpu: "10m", memory: "64Mi" } },
    };
    const names = Array.from({ length: CLUSTERS }, (_, index) => `rest-${index}`);
    await namespace.applyClusters(names, spec);
    await namespace.kubectl(["wait", "dyn", "--all", "--for=condition=Ready", "--timeout=240s"], {
      timeoutMs: 250_000,
    });
    // What the last steps left to be looked at once more.
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const before = await operatorMetrics();
    await new Promise((resolve) => setTimeout(resolve, MEASURED_MS));
    const after = await operatorMetrics();
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    const minutes = grown("process_uptime_seconds") / 60;
    const requests = grown("dynamo_operator_api_requests_total") / minutes;
    const cpu = grown("process_cpu_seconds_total") / (minutes * 60);
    const resident = after.get("process_resident_memory_bytes") ?? 0;
    process.stdout.write(
      `      ${CLUSTERS} clusters at rest: ${requests.toFixed(1)} requests a minute to the API server, ` +
        `${(resident / 2 ** 20).toFixed(0)} MiB, ${(cpu * 100).toFixed(2)} % of a core\n`,
    );
    expect(after.get("dynamo_operator_clusters")).to.be.at.least(CLUSTERS);
    expect(requests).to.be.below(REQUESTS_A_MINUTE_MAX);
    expect(resident).to.be.within(1, RESIDENT_BYTES_MAX);
    expect(cpu).to.be.below(CPU_SHARE_MAX);
  });
});
