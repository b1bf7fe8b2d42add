import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

/**
 * What the operator is told by its environment, read once. All problems are reported together, each with the name of
 * the variable.
 */
export interface OperatorConfig {
  /** Namespace whose clusters it cares for; empty for all. */
  readonly watchNamespace: string;
  /** Where its own Lease lies. */
  readonly namespace: string;
  /** Who it is among operators. */
  readonly identity: string;
  /**
   * Its pod; empty outside of one. No two operators share it at a time: Kubernetes starts a container of a pod only when
   * the one before has ended.
   */
  readonly pod: string;
  /** Its own image, which nodes run too unless a cluster names another. */
  readonly image: string;
  /** Port of health and metrics; 0 for any. */
  readonly healthPort: number;
  readonly logLevel: "error" | "warn" | "info" | "debug";
}

export const OPERATOR_ENV = {
  watchNamespace: "DYNAMO_WATCH_NAMESPACE",
  namespace: "DYNAMO_OPERATOR_NAMESPACE",
  podName: "DYNAMO_OPERATOR_POD",
  image: "DYNAMO_OPERATOR_IMAGE",
  healthPort: "DYNAMO_OPERATOR_HEALTH_PORT",
  logLevel: "DYNAMO_LOG_LEVEL",
} as const;

export const HEALTH_PORT = 8081;

export type ParsedOperatorConfig =
  | { readonly ok: true; readonly config: OperatorConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

export function parseOperatorConfig(env: Readonly<Record<string, string | undefined>>): ParsedOperatorConfig {
  const problems: string[] = [];
  const text = (name: keyof typeof OPERATOR_ENV, otherwise?: string): string => {
    const value = env[OPERATOR_ENV[name]] ?? "";
    if (value !== "") return value;
    if (otherwise === undefined) problems.push(`${OPERATOR_ENV[name]} is missing`);
    return otherwise ?? "";
  };
  const logLevel = text("logLevel", "info");
  if (!isLogLevel(logLevel))
    problems.push(`${OPERATOR_ENV.logLevel}=${logLevel} is none of error, warn, info, debug`);
  const port = Number(text("healthPort", String(HEALTH_PORT)));
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    problems.push(`${OPERATOR_ENV.healthPort}=${env[OPERATOR_ENV.healthPort]} is no port`);
  }
  const pod = text("podName", "");
  const config: OperatorConfig = {
    pod,
    watchNamespace: text("watchNamespace", ""),
    namespace: text("namespace"),
    identity: identityIn(pod === "" ? hostname() : pod),
    image: text("image"),
    healthPort: port,
    logLevel: isLogLevel(logLevel) ? logLevel : "info",
  };
  return problems.length === 0 ? { ok: true, config } : { ok: false, problems };
}

function identityIn(place: string): string {
  return `${place}-${randomBytes(4).toString("hex")}`;
}

/** Whether that identity was drawn by an earlier process of the same pod; never outside of one. */
export function isPredecessor({ pod, identity }: OperatorConfig, holder: string): boolean {
  return (
    pod !== "" &&
    holder !== identity &&
    /^-[0-9a-f]{8}$/.test(holder.slice(pod.length)) &&
    holder.startsWith(pod)
  );
}

function isLogLevel(text: string): text is OperatorConfig["logLevel"] {
  return text === "error" || text === "warn" || text === "info" || text === "debug";
}
