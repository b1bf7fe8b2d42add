/**
 * The operator under test, installed by Helm as a user installs it. Which image it runs comes from the environment that
 * with-cluster.sh sets up.
 */
import { fileURLToPath } from "node:url";

import { helm, kubectl } from "./kubectl.ts";

export const OPERATOR_NAMESPACE = "dynamokv-operator";
const RELEASE = "dynamokv";
/** From dist/test/kubernetes/rig. */
const PROJECT = fileURLToPath(new URL("../../../..", import.meta.url));
const CHART = `${PROJECT}/charts/dynamokv`;

export function projectFile(path: string): string {
  return `${PROJECT}/${path}`;
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
}

/** Installs it, or makes the one that is there so; resolves when it is ready. */
export async function installOperator({
  image = testImage(),
  replicas = 1,
}: OperatorValues = {}): Promise<string> {
  const colon = image.lastIndexOf(":");
  return helm([
    "upgrade",
    "--install",
    RELEASE,
    CHART,
    "--namespace",
    OPERATOR_NAMESPACE,
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
  ]);
}

export async function uninstallOperator(): Promise<void> {
  await helm(["uninstall", RELEASE, "--namespace", OPERATOR_NAMESPACE, "--wait"]);
}

const PODS = [
  "--namespace",
  OPERATOR_NAMESPACE,
  "pods",
  "--selector",
  "app.kubernetes.io/component=operator",
];

/** Ends its process at once, as a power cut does; its Deployment starts another. */
export async function killOperator(): Promise<void> {
  await kubectl(["delete", ...PODS, "--grace-period=0", "--force"]);
}

export async function operatorPods(): Promise<string[]> {
  const names = await kubectl(["get", ...PODS, "--output", "jsonpath={.items[*].metadata.name}"]);
  return names.split(" ").filter((name) => name !== "");
}

export async function operatorLeads(pod: string): Promise<boolean> {
  const program = `fetch("http://127.0.0.1:8081/readyz").then((r) => r.text()).then(console.log)`;
  const said = await kubectl([
    "exec",
    "--namespace",
    OPERATOR_NAMESPACE,
    pod,
    "--",
    "node",
    "--eval",
    program,
  ]);
  return said.trim() === "leading";
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") {
    throw new Error(`${name} is not set: run these tests with \`make test-kubernetes\``);
  }
  return value;
}
