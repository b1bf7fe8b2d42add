import type { Contender } from "../contender.ts";
import type { ArrivalProcess } from "./arrivals.ts";
import { type BystanderResult, Bystanders } from "./bystanders.ts";
import { type LoadTarget, runClosedLoop, runOpenLoop } from "./generator.ts";
import { LoadSender } from "./load-sender.ts";
import { RequestText, type Workload } from "./request-text.ts";
import type { StepResult } from "./step-counts.ts";

/** One run: preload, capacity by closed loop, the steps by open loop. */
export interface OverloadPlan {
  readonly workload: Workload;
  readonly arrivals: ArrivalProcess;
  /** Of the capacity, step by step. */
  readonly percents: readonly number[];
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Undefined: measured. */
  readonly capacityPerSecond: number | undefined;
  /** Of the closed loop, at each node. */
  readonly clients: number;
  readonly connectionsMax: number;
  readonly deadlineMs: number;
  readonly valueBytes: number;
  readonly random: () => number;
  readonly progress: (line: string) => void;
}

export interface OverloadResult {
  readonly workload: Workload;
  readonly deadlineMs: number;
  readonly capacityPerSecond: number;
  readonly steps: readonly MeasuredStep[];
  /**
   * From the first step below the capacity after one above it: until nearly all was good again. Undefined where no
   * such step was asked for, "never" where the run ended before.
   */
  readonly recoveryMs: number | "never" | undefined;
  readonly connectionsMax: number;
  readonly bystanders: BystanderResult;
}

export interface MeasuredStep extends StepResult {
  readonly percent: number;
  /** Cores that the nodes and the generator used. */
  readonly nodeCores: number;
  readonly generatorCores: number;
}

const KEYS = 5_000;

export async function measureOverload(
  cluster: Contender & { readonly adminUrls: readonly string[] },
  plan: OverloadPlan,
): Promise<OverloadResult> {
  const { progress, seconds, percents, clients } = plan;
  const text = new RequestText({ ...plan, keys: KEYS });
  const { baseUrls } = cluster;
  const target: LoadTarget = { baseUrls, ...plan, nextRequest: () => text.next() };
  if (plan.workload !== "put") await preload(baseUrls, (index) => text.preload(index));
  await runClosedLoop(target, { clients, seconds: plan.warmupSeconds });
  const capacityPerSecond = plan.capacityPerSecond ?? (await runClosedLoop(target, { clients, seconds }));
  progress(`capacity: ${Math.round(capacityPerSecond)} ${plan.workload} requests/s`);
  const bystanders = await Bystanders.watch(cluster.adminUrls);
  const cpu = [cpuSeconds(cluster)];
  const steps = percents.map((percent) => ({ ratePerSecond: (capacityPerSecond * percent) / 100, seconds }));
  const open = await runOpenLoop(target, {
    ...plan,
    steps,
    stepBegun: (step) => {
      cpu.push(cpuSeconds(cluster));
      progress(`${percents[step - 1]} % done`);
    },
  });
  cpu.push(cpuSeconds(cluster));
  const drop = dropAfterOverload(percents);
  const totalMs = percents.length * seconds * 1_000;
  return {
    workload: plan.workload,
    deadlineMs: plan.deadlineMs,
    capacityPerSecond,
    steps: open.steps.map((result, index) => ({
      ...result,
      percent: percents[index]!,
      nodeCores: (cpu[index + 1]!.nodes - cpu[index]!.nodes) / seconds,
      generatorCores: (cpu[index + 1]!.generator - cpu[index]!.generator) / seconds,
    })),
    recoveryMs:
      drop === undefined ? undefined : (open.slices.recoveryMs(drop * seconds * 1_000, totalMs) ?? "never"),
    connectionsMax: open.connectionsMax,
    bystanders: await bystanders.stop(),
  };
}

/** The first step below the capacity after one above it. */
function dropAfterOverload(percents: readonly number[]): number | undefined {
  const index = percents.findIndex((percent, i) => i > 0 && percent < 100 && percents[i - 1]! > 100);
  return index === -1 ? undefined : index;
}

async function preload(baseUrls: readonly string[], textOf: (index: number) => string): Promise<void> {
  const sender = new LoadSender(baseUrls, { connectionsMax: PRELOAD_CONNECTIONS });
  const answers = Array.from({ length: KEYS }, (_, index) => {
    const node = index % baseUrls.length;
    return new Promise<boolean>((resolve) => {
      const done: Parameters<LoadSender["send"]>[0]["done"] = (outcome) =>
        resolve(outcome.kind === "answered" && outcome.answer.status === 204);
      sender.send({ node, text: textOf(index), deadlineMs: Infinity, done });
    });
  });
  const stored = await Promise.all(answers);
  sender.close();
  const failed = stored.filter((good) => !good).length;
  if (failed > 0) throw new Error(`${failed} of ${KEYS} keys could not be stored before the measurement`);
}

const PRELOAD_CONNECTIONS = 16;

function cpuSeconds(cluster: Contender): { nodes: number; generator: number } {
  const { user, system } = process.cpuUsage();
  return { nodes: cluster.cpuSeconds(), generator: (user + system) / 1e6 };
}
