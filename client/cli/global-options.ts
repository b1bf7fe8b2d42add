import { InvalidArgumentError, Option, type Command } from "commander";
import { CLI_ENV } from "../../node/contract/pod-contract.ts";
import { AdminClient } from "../admin-client.ts";
import { adminTokenFrom } from "../cluster-secret.ts";
import { DynamoClient } from "../dynamo-client.ts";
import { LOCAL_DIRECTORY, localNodes, localSecretFile } from "../local/local-layout.ts";
import { readStoredCluster } from "../local/stored-cluster.ts";

/**
 * The options that every command shares, and the connections they lead to. Without endpoints the commands talk to
 * the local cluster of the current directory, so that the first try needs no option at all.
 */
export interface GlobalOptions {
  readonly endpoint: readonly string[] | undefined;
  readonly admin: readonly string[] | undefined;
  readonly secretFile: string;
  readonly timeoutMs: number;
  readonly output: "text" | "json";
}

export function addGlobalOptions(program: Command): Command {
  return program
    .addOption(
      new Option("--endpoint <url,...>", "client ports of the nodes (default: the local cluster)")
        .env(CLI_ENV.endpoints)
        .argParser(collectList),
    )
    .addOption(
      new Option("--admin <url,...>", "admin ports of the nodes (default: the local cluster)")
        .env(CLI_ENV.adminEndpoints)
        .argParser(collectList),
    )
    .addOption(
      new Option("--secret-file <path>", "the cluster's secret, for commands that change the cluster")
        .env("DYNAMO_CLUSTER_SECRET_FILE")
        .default(localSecretFile(LOCAL_DIRECTORY), `${LOCAL_DIRECTORY}/cluster-secret`),
    )
    .addOption(
      new Option("--timeout-ms <ms>", "for each request, with its retries")
        .env("DYNAMO_TIMEOUT_MS")
        .default(5_000)
        .argParser((text) => parseCount(text, { min: 1, max: 600_000 })),
    )
    .addOption(
      new Option("-o, --output <form>", "for people or for programs")
        .choices(["text", "json"])
        .default("text"),
    );
}

export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

export function openClient(options: GlobalOptions): DynamoClient {
  const endpoints = options.endpoint ?? localAddresses("client");
  return new DynamoClient({ endpoints, timeoutMs: options.timeoutMs });
}

/** One for each admin port, in their order. */
export function openAdmins(options: GlobalOptions, token?: string): AdminClient[] {
  const endpoints = options.admin ?? localAddresses("admin");
  return endpoints.map((endpoint) => new AdminClient({ endpoint, token, timeoutMs: options.timeoutMs }));
}

export function readAdminToken(options: GlobalOptions): Promise<string> {
  return adminTokenFrom(options.secretFile);
}

/** A whole number in the bounds, or an error that commander prints with the option's name. */
export function parseCount(text: string, { min, max }: { min: number; max: number }): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= min && count <= max) return count;
  throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
}

function collectList(text: string, previous: readonly string[] | undefined): readonly string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) throw new InvalidArgumentError("Expected addresses separated by commas.");
  return [...(previous ?? []), ...items];
}

function localAddresses(port: "client" | "admin"): string[] {
  const cluster = readStoredCluster(LOCAL_DIRECTORY) ?? { nodes: 3, portOffset: 0 };
  return localNodes(LOCAL_DIRECTORY, cluster).map((node) => `http://${node[port]}`);
}
