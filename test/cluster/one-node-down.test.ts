import { expect } from "chai";
import type { History } from "./faults/history.ts";
import { endAtOnce, signalAtOnce } from "./faults/node-signals.ts";
import { readBack, Workload } from "./faults/workload.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/**
 * What callers notice of one node of three that is killed, stopped in good order, or frozen, and of its return:
 * - through the client library with its defaults, pointed at all nodes: no error;
 * - at the two other nodes, with retries switched off: no error either (R = W = 2, and two are left);
 * - at a node that is asked to stop: what it answered holds; a client whose connection closes under a request that
 *   is on its way is told so, once, and then that nobody is there.
 * In each case every read shows what was acknowledged before it, and in the end nothing acknowledged is missing.
 */
const STOP_MS = 5_000;
/** A replica that stays silent is replaced or left out after 250 ms at most; the rest is for a busy machine. */
const SLOW_MS = 500;
const REQUEST_TIMEOUT_MS = 2_000;
const STEP = 150;
/** Of the leaving node. Each has one connection, which may close just as a request goes out on it. */
const LEAVING_CLIENTS = 8;

describe("cluster: one node down: N=3 W=2 R=2, steady load", function () {
  this.timeout(120_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(3);
  const victim = nodes[2]!;
  const endpoints = nodes.map(({ client }) => `http://${client}`);

  before(async () => void expectCode(await rig.up("--nodes", "3"), 0));
  after(() => rig.remove());

  /** Starts both loads, lets `story` happen to them, and checks what they were told. */
  async function underLoad(
    name: string,
    story: (loads: { all: History; others: History; step: () => Promise<unknown> }) => Promise<void>,
  ): Promise<void> {
    const all = new Workload({ name: `${name}-all`, endpoints, clients: 8, thinkMsMax: 20 });
    const others = new Workload({
      name: `${name}-others`,
      endpoints: endpoints.slice(0, 2),
      clients: 8,
      retries: 0,
      thinkMsMax: 20,
    });
    const loads = [all, others];
    for (const load of loads) load.start();
    const step = (): Promise<unknown> =>
      Promise.all(loads.map(({ history }) => history.moreAcknowledged(STEP)));
    try {
      await step();
      await story({ all: all.history, others: others.history, step });
    } finally {
      await Promise.all(loads.map((load) => load.stop()));
    }
    for (const { history, violations } of loads) {
      expect(history.errors).to.deep.equal([]);
      expect(violations).to.deep.equal([]);
      expect(await readBack(history, endpoints)).to.deep.equal([]);
    }
  }

  it("kill -9, then its restart: no caller sees an error, nothing acknowledged is lost", async () => {
    await underLoad("kill", async ({ all, step }) => {
      await endAtOnce([victim], "SIGKILL");
      // Until there was something to hide: which calls meet the dead node is chance.
      do await step();
      while (all.writes().every(({ attempts }) => attempts <= 1));
      expectCode(await rig.up(), 0);
      await step();
    });
  });

  it("SIGTERM, then its restart: no caller sees an error, and what the leaving node answered holds", async () => {
    const leaving = new Workload({
      name: "term-leaving",
      endpoints: endpoints.slice(2),
      clients: LEAVING_CLIENTS,
      retries: 0,
      thinkMsMax: 5,
    });
    await underLoad("term", async ({ step }) => {
      leaving.start();
      try {
        await leaving.history.moreAcknowledged(STEP);
        await endAtOnce([victim], "SIGTERM");
      } finally {
        await leaving.stop();
      }
      await step();
      expectCode(await rig.up(), 0);
      await step();
    });
    const cut = leaving.history.errors.filter((error) => !error.includes(": unreachable "));
    expect(cut.filter((error) => !error.includes(": connection_lost "))).to.deep.equal([]);
    expect(cut.length, cut.join("\n")).to.be.at.most(LEAVING_CLIENTS);
    expect(leaving.violations).to.deep.equal([]);
    expect(await readBack(leaving.history, endpoints)).to.deep.equal([]);
  });

  it(`SIGSTOP for ${STOP_MS / 1_000} s: no caller sees an error, and the other nodes stay fast`, async () => {
    await underLoad("stop", async ({ others, step }) => {
      await signalAtOnce([victim], "SIGSTOP");
      const fromMs = performance.now();
      try {
        await new Promise((resolve) => setTimeout(resolve, STOP_MS));
        await others.moreAcknowledged(STEP);
      } finally {
        await signalAtOnce([victim], "SIGCONT");
      }
      const frozen = [...others.writes(), ...others.reads].filter(
        ({ startedMs, endedMs }) => startedMs >= fromMs && Number.isFinite(endedMs),
      );
      const took = frozen.map(({ startedMs, endedMs }) => endedMs - startedMs).toSorted((a, b) => a - b);
      expect(took[Math.floor(took.length * 0.99)]).to.be.lessThan(SLOW_MS);
      expect(took.at(-1)).to.be.lessThan(REQUEST_TIMEOUT_MS);
      await step();
    });
  });
});
