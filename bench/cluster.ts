import { localNodesWithPids, localUp, localWipe } from "../client/local/local-cluster.ts";
import { type Contender, contender } from "./contender.ts";

/** Away from the ports of `make up`, so that a cluster that runs there is left in peace. */
const PORT_OFFSET = 650;

/** The local cluster of three nodes, as anybody starts it: the defaults are what is measured. */
export async function startCluster(directory: string): Promise<Contender> {
  const progress = (): void => {};
  const nodes = await localUp({ directory, nodes: 3, portOffset: PORT_OFFSET, progress });
  const pids = await localNodesWithPids(directory);
  return contender("dynamokv", {
    baseUrls: nodes.map((node) => `http://${node.client}`),
    processes: pids.map(({ node, pid }) => {
      if (pid === undefined) throw new Error(`node ${node.index} does not run; see ${node.logFile}`);
      return { pid, dataDirectory: node.dataDirectory };
    }),
    stop: () => localWipe({ directory, progress }),
  });
}
