/**
 * The operator under test, installed by Helm as a user installs it. Which image it runs comes from the environment that
 * with-cluster.sh sets up.
 */
import { fileURLToPath } from "node:url";

import type { V1Pod } from "@kubernetes/client-node";

import { helm, kubectl, run } from "./kubectl.ts";

export const OPERATOR_NAMESPACE = "dynamokv-operator";
const RELEASE = "dynamokv";

export function projectFile(path: string): string {
  // From dist/test/kubernetes/rig.
  return fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
}

/** The image of operator and nodes, and another of the same content that they can be moved to. */
export function testImage(): string {
  return fromEnvironment("DYNAMO_TEST_IMAGE");
}

export function nextTestImage(): string {
  return fromEnvironment("DYNAMO_TEST_IMAGE_NEXT");
}

/** The program that kills hosts; undefined where the cluster is somebody else's. */
export function faultProgram(): string | undefined {
  return process.env["DYNAMO_TEST_FAULT"];
}

export interface OperatorValues {
  readonly image?: string;
  readonly replicas?: number;
  readonly namespace?: string;
  /** Further `--set` values. */
  readonly values?: readonly string[];
}

/** Installs it, or makes the one that is there so; resolves when it is ready. */
export async function installOperator({
  image = testImage(),
  replicas = 1,
  namespace = OPERATOR_NAMESPACE,
  values = [],
}: OperatorValues = {}): Promise<string> {
  const colon = image.lastIndexOf(":");
  return helm([
    "upgrade",
    "--install",
    RELEASE,
    projectFile("charts/dynamokv"),
    "--namespace",
    namespace,
    "--create-namespace",
    "--wait",
    "--timeout",
    "90s",
    "--set",
    `image.repository=${image.slice(0, colon)}`,
    "--set-string",
    `image.tag=${image.slice(colon + 1)}`,
    "--set",
    `replicas=${replicas}`,
    ...values.flatMap((value) => ["--set", value]),
  ]);
}

export async function uninstallOperator(namespace = OPERATOR_NAMESPACE): Promise<void> {
  await helm(["uninstall", RELEASE, "--namespace", namespace, "--wait", "--ignore-not-found"]);
}

const PODS = [
  "--namespace",
  OPERATOR_NAMESPACE,
  "pods",
  "--selector",
  "app.kubernetes.io/component=operator",
];

/**
 * Ends its process with SIGKILL, where hosts are ours; elsewhere as soon as Kubernetes can. It is started again. Resolves
 * when the old process is gone.
 */
export async function killOperator(): Promise<void> {
  const program = faultProgram();
  if (program === undefined) return void (await kubectl(["delete", ...PODS, "--grace-period=0", "--force"]));
  const found = JSON.parse(await kubectl(["get", ...PODS, "--output", "json"])) as { items: V1Pod[] };
  for (const { metadata, spec } of found.items.filter((pod) => pod.metadata?.deletionTimestamp === undefined))
    await run(program, ["kill-container", spec!.nodeName!, metadata!.uid!]);
}

/** How often the containers of the operators that there are were started again. */
export async function operatorRestarts(): Promise<number> {
  const path = "jsonpath={.items[*].status.containerStatuses[0].restartCount}";
  const counts = await kubectl(["get", ...PODS, "--output", path]);
  return counts.split(" ").reduce((sum, count) => sum + Number(count), 0);
}

export async function operatorPods(): Promise<string[]> {
  const names = await kubectl(["get", ...PODS, "--output", "jsonpath={.items[*].metadata.name}"]);
  return names.split(" ").filter((name) => name !== "");
}

export async function operatorLeads(pod: string): Promise<boolean> {
  return (await operatorAnswer(pod, "/readyz")).trim() === "leading";
}

/** Of the one operator that there is: the sum of each metric over its labels, by name. */
export async function operatorMetrics(): Promise<ReadonlyMap<string, number>> {
  const [pod = ""] = await operatorPods();
  const sums = new Map<string, number>();
  for (const line of (await operatorAnswer(pod, "/metrics")).split("\n")) {
    const match = /^([a-z_]+)(?:\{[^}]*\})? (\S+)$/.exec(line);
    if (match !== null) sums.set(match[1]!, (sums.get(match[1]!) ?? 0) + Number(match[2]));
  }
  // Kept by the library as a moment; tests want to know how much time went by between two looks.
  sums.set("process_uptime_seconds", Date.now() / 1_000 - (sums.get("process_start_time_seconds") ?? 0));
  return sums;
}

function operatorAnswer(pod: string, path: string): Promise<string> {
  const program = `fetch("http://127.0.0.1:8081${path}").then((r) => r.text()).then(console.log)`;
  return kubectl(["exec", "--namespace", OPERATOR_NAMESPACE, pod, "--", "node", "--eval", program]);
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    throw new Error(`${name} is not set: run these tests with \`make test-kubernetes\``);
  }
  return value;
}
