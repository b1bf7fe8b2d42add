import { randomInt } from "node:crypto";
import { expect } from "chai";
import { endAtOnce } from "./faults/node-signals.ts";
import { readBack, Workload } from "./faults/workload.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

const ROUNDS = 3;

/** Each call is one attempt: a retry would only go to another node that is dead. */
const CLIENTS = { clients: 16, retries: 0, timeoutMs: 5_000, thinkMsMax: 10 };

describe("cluster: durability: N=3 W=2 R=2, kill -9 of all three nodes at once", function () {
  this.timeout(120_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(3);
  const endpoints = nodes.map(({ client }) => `http://${client}`);

  before(async () => void expectCode(await rig.up("--nodes", "3"), 0));
  after(() => rig.remove());

  for (let round = 1; round <= ROUNDS; round++) {
    it(`every acknowledged write is read back, round ${round} of ${ROUNDS}`, async () => {
      const load = new Workload({ name: `kill${round}`, endpoints, ...CLIENTS });
      load.start();
      try {
        await load.runFor(300 + randomInt(500));
        await endAtOnce(nodes, "SIGKILL");
      } finally {
        await load.stop();
      }
      expectCode(await rig.up(), 0);
      expect(await readBack(load.history, endpoints)).to.deep.equal([]);
      expect(load.violations).to.deep.equal([]);
    });
  }
});
