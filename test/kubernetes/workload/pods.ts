/** Pods that use a cluster as an application does: by the name of its Service, with nothing but what the image has. */
import { readFile } from "node:fs/promises";

import { testImage } from "../rig/installed-operator.ts";
import type { TestNamespace } from "../rig/test-namespace.ts";
import { until } from "../rig/until.ts";
import type { LoadReport } from "./steady-load.ts";

const LOAD_DIRECTORY = "/app/dist/test/kubernetes/workload";
const LOAD_PROGRAM = "steady-load.js";
const SERVICE_MS_MAX = 10_000;

/** What runs a command in the cluster: a pod that sleeps. */
export class ShellPod {
  readonly #namespace: TestNamespace;
  readonly #name = "shell";

  constructor(namespace: TestNamespace) {
    this.#namespace = namespace;
  }

  async start(): Promise<void> {
    await this.#namespace.apply(pod(this.#name, { args: ["--eval", "setInterval(() => {}, 60_000)"] }));
    await this.#namespace.kubectl(["wait", "--for=condition=Ready", "pod/shell", "--timeout=50s"]);
  }

  /** The dynamokv command, against the cluster of that name. */
  dynamokv(cluster: string, ...args: string[]): Promise<string> {
    return this.connected("dynamokv", "--endpoint", `http://${cluster}:8080`, ...args);
  }

  /**
   * Runs it again while it finds that nobody listens, for ten seconds. A pod that is ready is behind its Service only
   * when the host's kube-proxy has heard of it, and of that nobody tells.
   */
  async connected(...command: string[]): Promise<string> {
    const deadlineMs = performance.now() + SERVICE_MS_MAX;
    for (;;) {
      try {
        return await this.run(...command);
      } catch (error) {
        if (!String(error).includes("ECONNREFUSED") || performance.now() > deadlineMs) throw error;
      }
    }
  }

  run(...command: string[]): Promise<string> {
    return this.#namespace.kubectl(["exec", this.#name, "--", ...command]);
  }
}

/** steady-load.ts in a pod, from `start` to `stop`. */
export class LoadPod {
  readonly #namespace: TestNamespace;
  readonly #name = "steady-load";

  constructor(namespace: TestNamespace) {
    this.#namespace = namespace;
  }

  /** Resolves when its first puts are acknowledged. `avoidHost`: where it must not run. */
  async start(cluster: string, { avoidHost }: { readonly avoidHost?: string } = {}): Promise<void> {
    const program = await readFile(new URL(LOAD_PROGRAM, import.meta.url), "utf8");
    await this.#namespace.apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: this.#name },
      data: { [LOAD_PROGRAM]: program },
    });
    const endpoints = `http://${cluster}.${this.#namespace.name}.svc:8080`;
    await this.#namespace.kubectl(["delete", "pod", this.#name, "--ignore-not-found", "--now"]);
    await this.#namespace.apply(
      pod(this.#name, {
        args: [`dist/test/kubernetes/workload/${LOAD_PROGRAM}`],
        env: [{ name: "LOAD_ENDPOINTS", value: endpoints }],
        // By its sub-path, so that the program's own imports are found beside it.
        volumeMounts: [
          { name: "program", mountPath: `${LOAD_DIRECTORY}/${LOAD_PROGRAM}`, subPath: LOAD_PROGRAM },
        ],
        volumes: [{ name: "program", configMap: { name: this.#name } }],
        avoidHost,
      }),
    );
    await until("the load's first puts", 60_000, async () =>
      (await this.#said()).length > 0 ? true : undefined,
    );
  }

  /** Puts that were acknowledged so far, by its last word. */
  async puts(): Promise<number> {
    const last = (await this.#said()).at(-1);
    return last === undefined ? 0 : (JSON.parse(last) as { puts: number }).puts;
  }

  async stop(): Promise<LoadReport> {
    await this.#namespace.kubectl(["exec", this.#name, "--", "node", "--eval", `process.kill(1, "SIGTERM")`]);
    return until("the load's report", 60_000, async () => {
      const last = (await this.#said()).at(-1);
      return last?.includes('"slowestMs"') ? (JSON.parse(last) as LoadReport) : undefined;
    });
  }

  async #said(): Promise<string[]> {
    const text = await this.#namespace.kubectl(["logs", this.#name]);
    return text.split("\n").filter((line) => line.startsWith("{"));
  }
}

interface PodParts {
  readonly args: readonly string[];
  readonly env?: readonly object[];
  readonly volumeMounts?: readonly object[];
  readonly volumes?: readonly object[];
  readonly avoidHost?: string | undefined;
}

function pod(name: string, { args, env = [], volumeMounts = [], volumes = [], avoidHost }: PodParts): object {
  const elsewhere = { key: "kubernetes.io/hostname", operator: "NotIn", values: [avoidHost] };
  const terms = { nodeSelectorTerms: [{ matchExpressions: [elsewhere] }] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      ...(avoidHost === undefined
        ? {}
        : { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } }),
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "main",
          image: testImage(),
          args,
          env,
          volumeMounts,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
      volumes,
    },
  };
}
