import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Contender, contender } from "./contender.ts";

/** Away from the ports of `make up`, so that a cluster that runs there is left in peace. */
export const BENCH_PORT_OFFSET = 650;

/** The compiled files of the checkout that this file belongs to. */
export const OWN_DIST = fileURLToPath(new URL("..", import.meta.url));

export interface Build {
  readonly name: string;
  /** Its dist directory. */
  readonly dist: string;
}

/**
 * The local cluster of three nodes, as anybody starts it: the defaults are what is measured. It is started by the
 * command of its own build, so that builds of different age can be measured by the same program.
 */
export async function startCluster(
  directory: string,
  { name, dist }: Build,
  portOffset = BENCH_PORT_OFFSET,
): Promise<Contender & { readonly adminUrls: readonly string[] }> {
  const local = (...args: string[]): Promise<string> =>
    dynamokv(dist, ["local", ...args, "--dir", directory]);
  await local("up", "--nodes", "3", "--port-offset", String(portOffset));
  const { nodes } = JSON.parse(await local("status")) as { nodes: readonly RunningNode[] };
  const started = contender(name, {
    baseUrls: nodes.map(({ client }) => client),
    processes: nodes,
    stop: async () => {
      await local("wipe");
    },
  });
  return { ...started, adminUrls: nodes.map(({ admin }) => admin) };
}

interface RunningNode {
  readonly client: string;
  readonly admin: string;
  readonly pid: number;
  readonly dataDirectory: string;
}

async function dynamokv(dist: string, args: readonly string[]): Promise<string> {
  const command = join(dist, "client/cli/main.js");
  const { stdout } = await promisify(execFile)(process.execPath, [command, "--output", "json", ...args]);
  return stdout;
}
