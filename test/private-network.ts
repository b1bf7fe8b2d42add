/**
 * A network of one's own for tests that cut nodes off from one another. A command runs inside a fresh network and mount
 * namespace: its loopback, its packet filter and its mounts are seen by nobody else, and the kernel removes them with
 * its last process. Without root the same works inside a user namespace, where the kernel allows those.
 *
 * Invariant: rules and mounts are made only after `assertPrivateNetwork`; the host's own network is never touched.
 * Needs Linux, unshare and mount (util-linux), ip (iproute2), nft (nftables).
 *
 * Usage: node dist/test/private-network.js COMMAND…, e.g. a single test file by mocha.
 */
import { spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** The network namespace of whoever started the first command; in the environment of everything inside. */
const HOST_NETWORK = "FAULTS_HOST_NETWORK";
/** Why there is none, for the tests that will ask. */
const REFUSED = "FAULTS_NO_PRIVATE_NETWORK";
const PREREQUISITES = "unshare and mount (util-linux), ip (iproute2) and nft (nftables)";

export interface PlacedCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** The command as it must be started to run in a private network; in this one, where that cannot be had. */
export function placedInPrivateNetwork(file: string, args: readonly string[]): PlacedCommand {
  const env = { ...process.env };
  if (isPrivate()) return { file, args, env };
  const refusal = refusalOf();
  if (refusal !== undefined) return { file, args, env: { ...env, [REFUSED]: refusal } };
  const prefix = [...namespaceFlags(), "sh", "-c", 'ip link set lo up && exec "$@"', "sh", file, ...args];
  return { file: "unshare", args: prefix, env: { ...env, [HOST_NETWORK]: network() } };
}

/** Throws, with what to do, unless this process and its children have a network of their own. */
export function assertPrivateNetwork(): void {
  if (isPrivate()) return;
  const reason =
    process.env[REFUSED] ??
    "run it with `npm run test:cluster`, or after `node dist/test/private-network.js`";
  throw new Error(
    `netsplits and small disks are made in a network and mount namespace of the test's own, and there is none: ` +
      `${reason}. Needed are Linux, ${PREREQUISITES}, and root or unprivileged user namespaces.`,
  );
}

/** Runs this program again inside, unless it is there already. Never returns in the outer process. */
export async function enterPrivateNetwork(): Promise<void> {
  if (isPrivate()) return;
  const { file, args, env } = placedInPrivateNetwork(process.execPath, [
    ...process.execArgv,
    ...process.argv.slice(1),
  ]);
  if (env[REFUSED] !== undefined) throw new Error(`there is no private network: ${env[REFUSED]}`);
  await runInstead(file, args, env);
}

async function runInstead(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<never> {
  const child = spawn(file, args, { stdio: "inherit", env });
  // A terminal sends its signals to both of us; a supervisor only to this process.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
  process.exit(status);
}

function isPrivate(): boolean {
  const host = process.env[HOST_NETWORK];
  return process.platform === "linux" && host !== undefined && host !== network();
}

function network(): string {
  return readlinkSync("/proc/self/ns/net");
}

function namespaceFlags(): string[] {
  const asRoot = process.getuid?.() === 0;
  return [...(asRoot ? [] : ["--user", "--map-root-user"]), "--net", "--mount", "--"];
}

/** Tries it: whether namespaces are allowed depends on the kernel, the container around us and its security profile. */
function refusalOf(): string | undefined {
  if (process.platform !== "linux") return `this is ${process.platform}`;
  const missing = ["unshare", "mount", "ip", "nft"].filter((tool) => !isInstalled(tool));
  if (missing.length > 0) return `not installed: ${missing.join(", ")}`;
  const script = "ip link set lo up && nft list ruleset && mount -t tmpfs none /mnt";
  const tried = spawnSync("unshare", [...namespaceFlags(), "sh", "-c", script], { encoding: "utf8" });
  if (tried.status === 0) return undefined;
  return `\`unshare ${namespaceFlags().join(" ")} sh -c '${script}'\` says: ${tried.stderr.trim()}`;
}

function isInstalled(tool: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
}

async function main(command: readonly string[]): Promise<void> {
  const [file, ...args] = command;
  if (file === undefined) {
    process.stderr.write("usage: node dist/test/private-network.js COMMAND…\n");
    process.exit(2);
  }
  const placed = placedInPrivateNetwork(file, args);
  if (placed.env[REFUSED] !== undefined) {
    process.stderr.write(`private-network: ${placed.env[REFUSED]}\n`);
    process.exit(1);
  }
  await runInstead(placed.file, placed.args, placed.env);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
