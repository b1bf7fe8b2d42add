import { parseArgs } from "node:util";
import { type ClusterFigures, figuresOf } from "./cluster-figures.ts";
import { markdownReport } from "./report.ts";
import { ringCosts } from "./ring-costs.ts";

const HELP = `What a cluster costs as it grows: docs/SCALE.md.

  npm run scale                       the tables, in Markdown
      --nodes LIST                      clusters that are simulated (10,30,100), each with N=3 and 256 partitions; 300 take
                                        many minutes of CPU and some GiB
      --epochs COUNT                    epochs that spread in each of the two ways (5)
      --rest SECONDS                    virtual time of rest that is counted (60)
      --seed N                          another luck (1)
      --costs LIST                      members of the rings that are planned (10,30,100,300,1000)
      --partitions LIST                 and their partitions (64,256,1024,4096,16384), where each has one

Figures of clusters are of virtual time: a seed gives the same ones everywhere. Milliseconds of plans are of this machine.
`;

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "10,30,100" },
    epochs: { type: "string", default: "5" },
    rest: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    costs: { type: "string", default: "10,30,100,300,1000" },
    partitions: { type: "string", default: "64,256,1024,4096,16384" },
    help: { type: "boolean" },
  },
});

/** Of the simulated clusters: the default of a cluster, whatever its size. */
const PARTITIONS = 256;

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const clusters: ClusterFigures[] = [];
  for (const nodes of counts("nodes")) {
    const [seed, epochs, restSeconds] = [count("seed"), count("epochs"), count("rest")];
    const plan = { nodes, seed, epochs, restMs: restSeconds * 1_000, partitions: PARTITIONS };
    const startedMs = performance.now();
    clusters.push(await figuresOf(plan));
    const residentMib = process.memoryUsage().rss / 1024 ** 2;
    const tookSeconds = (performance.now() - startedMs) / 1_000;
    process.stderr.write(`${nodes} nodes: ${tookSeconds.toFixed(0)} s, ${residentMib.toFixed(0)} MiB\n`);
  }
  const costs = counts("costs").flatMap((nodes) =>
    counts("partitions")
      .filter((partitions) => partitions >= nodes)
      .map((partitions) => ringCosts(nodes, partitions)),
  );
  process.stdout.write(`${markdownReport(clusters, costs)}\n`);
  return 0;
}

/** Separated by commas; empty for none. */
function counts(name: "nodes" | "costs" | "partitions"): number[] {
  const parts = values[name].split(",").filter((part) => part !== "");
  return parts.map((part) => whole(name, part));
}

function count(name: "epochs" | "rest" | "seed"): number {
  return whole(name, values[name]);
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(`--${name} must be whole numbers above 0, not ${JSON.stringify(text)}\n`);
  return process.exit(2);
}
