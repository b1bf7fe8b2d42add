import type { V1PersistentVolumeClaim, V1Pod } from "@kubernetes/client-node";
import { claimName } from "../desired/names.ts";
import type { AnsweredReport, ObservedState } from "./observed-state.ts";

/** A node as its pod, its claim and its own words show it, joined by the pod's name. */
export interface NodeView {
  readonly pod: string;
  /** Undefined while there is no such pod. */
  readonly object: V1Pod | undefined;
  readonly claim: V1PersistentVolumeClaim | undefined;
  readonly report: AnsweredReport | undefined;
  /** Why the node gave no report; empty where it did. */
  readonly silence: string;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
}

/** One for each name, in their order; pods of other names are left out. */
export function nodeViews(observed: ObservedState, podNames: readonly string[]): readonly NodeView[] {
  const pods = new Map(observed.pods.map((pod) => [pod.metadata?.name, pod]));
  const claims = new Map(observed.claims.map((claim) => [claim.metadata?.name, claim]));
  const reports = new Map(observed.reports.map((report) => [report.pod, report]));
  return podNames.map((pod) => {
    const object = pods.get(pod);
    const report = reports.get(pod);
    return {
      pod,
      object,
      claim: claims.get(claimName(pod)),
      report: report?.answered === true ? report : undefined,
      silence: silenceOf(object, report),
      isReady: isPodReady(object),
      isTerminating: object?.metadata?.deletionTimestamp !== undefined,
    };
  });
}

export function isPodReady(pod: V1Pod | undefined): boolean {
  return pod?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

/** Its process is there, whether it answers at this moment or not. */
export function isRunning({ object, report }: NodeView): boolean {
  if (report !== undefined) return true;
  return object?.status?.containerStatuses?.some(({ state }) => state?.running !== undefined) === true;
}

/** Why a node is not as it should be, as the rest of a sentence that begins with its pod. */
export function whyUnwell({ silence, report }: NodeView): string {
  if (silence !== "") return silence;
  const state = report?.status.state ?? "unknown";
  return state === "serving" ? "it serves, its pod is not ready yet" : `it is ${state}`;
}

function silenceOf(pod: V1Pod | undefined, report: ObservedState["reports"][number] | undefined): string {
  if (report?.answered === true) return "";
  if (pod === undefined) return "its pod does not exist yet";
  return troubleOf(pod) ?? report?.reason ?? "its pod has no address yet";
}

/** What Kubernetes says is wrong with a pod, if it says so. */
export function troubleOf(pod: V1Pod): string | undefined {
  const unscheduled = pod.status?.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  if (unscheduled !== undefined)
    return `its pod cannot be scheduled: ${unscheduled.message ?? unscheduled.reason ?? "no reason given"}`;
  for (const { state, lastState } of pod.status?.containerStatuses ?? []) {
    const waiting = state?.waiting;
    if (waiting?.reason === undefined || waiting.reason === "ContainerCreating") continue;
    const ended = lastState?.terminated;
    const last = ended === undefined ? "" : ` (ended with code ${ended.exitCode})`;
    return `its container waits: ${waiting.reason}${waiting.message === undefined ? "" : `: ${waiting.message}`}${last}`;
  }
  return undefined;
}
