import { ApiConnection, loadKubeConfig } from "./kube/api-connection.ts";
import { KubeClient } from "./kube/kube-client.ts";
import { LeaderElection } from "./kube/leader-election.ts";
import { Controller } from "./controller/controller.ts";
import { startHealthServer } from "./controller/health-server.ts";
import { isPredecessor, OPERATOR_ENV, type OperatorConfig, parseOperatorConfig } from "./operator-config.ts";
import { createOperatorLog, type OperatorLog } from "./operator-log.ts";

/** The operator process: waits until it leads, then cares for DynamoClusters until it is told to stop. */

const EXIT_USAGE = 2;
const EXIT_FAILED = 1;
const LEASE = "dynamokv-operator";

const HELP = `dynamokv operator: cares for the DynamoClusters of a Kubernetes cluster

It takes no arguments; its environment says:
  ${OPERATOR_ENV.namespace}    namespace of its own Lease (required)
  ${OPERATOR_ENV.image}        its own image, which nodes run too (required)
  ${OPERATOR_ENV.watchNamespace}       namespace whose clusters it cares for; all where empty
  ${OPERATOR_ENV.podName}          its name among operators; the host name where empty
  ${OPERATOR_ENV.healthPort}  port of /livez, /readyz and /metrics (8081)
  ${OPERATOR_ENV.logLevel}             error, warn, info or debug (info)
`;

async function main(args: readonly string[]): Promise<void> {
  if (args.includes("--help")) return void process.stdout.write(HELP);
  const parsed = parseOperatorConfig(process.env);
  if (args.length > 0 || !parsed.ok) {
    const problems = parsed.ok ? [`unknown argument ${args[0]}`] : parsed.problems;
    process.stderr.write(`dynamokv operator: ${problems.join("\ndynamokv operator: ")}\nSee: --help\n`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  const log = createOperatorLog(parsed.config.logLevel);
  const die = (event: string) => (error: unknown) => {
    log(event, { error }, "error");
    setTimeout(() => process.exit(EXIT_FAILED), 100);
  };
  process.on("uncaughtException", die("operator_failed"));
  process.on("unhandledRejection", die("operator_failed"));
  try {
    await run(parsed.config, log, die("lease_lost"));
  } catch (error) {
    die("start_failed")(error);
  }
}

async function run(config: OperatorConfig, log: OperatorLog, lost: (why: unknown) => void): Promise<void> {
  const api = new ApiConnection(loadKubeConfig());
  const client = new KubeClient(api);
  const controller = new Controller({ ...config, api, client, log });
  const election = new LeaderElection({
    client,
    lease: { namespace: config.namespace, name: LEASE },
    identity: config.identity,
    hasEnded: (holder) => isPredecessor(config, holder),
    onLeading: () => {
      log("leadership_began", { identity: config.identity }, "info");
      void controller.start();
    },
    onLost: (why) => lost(new Error(why)),
    onTrouble: (message) => log("lease_failed", { message }, "warn"),
  });
  const health = await startHealthServer(config.healthPort, {
    leading: () => election.isLeading,
    staleMs: () => (election.isLeading ? controller.staleMs() : undefined),
    queueDepth: () => controller.queueDepth,
    clusters: () => controller.clusters,
    requestsSent: () => api.sent,
  });
  log("operator_started", { ...config }, "info");
  election.start();
  const stop = (signal: NodeJS.Signals): void => {
    log("shutdown_started", { signal }, "info");
    void controller
      .stop()
      .then(() => election.stop())
      .then(() => {
        health.close();
        setTimeout(() => process.exit(0), 100);
      });
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

await main(process.argv.slice(2));
