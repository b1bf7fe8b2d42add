import fc from "fast-check";
import type { Step } from "./schedule.ts";

/** Schedules for fast-check: every kind of step, small numbers, so that clients and replicas meet often. */
export const REPLICAS = 4;
export const CLIENTS = 3;

const replica = fc.nat({ max: REPLICAS - 1 });
const client = fc.nat({ max: CLIENTS - 1 });
const someReplicas = fc.uniqueArray(replica, { maxLength: REPLICAS });
const answered = fc.boolean();

const get = fc.record({ kind: fc.constant("get" as const), client, replicas: someReplicas });
const put = fc.record({
  kind: fc.constant("put" as const),
  client,
  replica,
  deliverTo: someReplicas,
  blind: fc.boolean(),
  answered,
});
const exchange = fc.record({ kind: fc.constant("exchange" as const), from: replica, to: replica });
const retry = fc.record({ kind: fc.constant("retry" as const), client, replica, answered });
const loseRow = fc.record({ kind: fc.constant("loseRow" as const), replica });
const keepCopyOfDisk = fc.record({ kind: fc.constant("keepCopyOfDisk" as const), replica });
const restartOnCopy = fc.record({ kind: fc.constant("restartOnCopy" as const), replica, of: replica });
const failCommit = fc.record({
  kind: fc.constant("failCommit" as const),
  client,
  replica,
  deliverTo: someReplicas,
});

const faultless = [
  { weight: 3, arbitrary: get },
  { weight: 6, arbitrary: put },
  { weight: 3, arbitrary: exchange },
];
const faults = [loseRow, keepCopyOfDisk, restartOnCopy, failCommit].map((arbitrary) => ({
  weight: 1,
  arbitrary,
}));

function schedules(...steps: { weight: number; arbitrary: fc.Arbitrary<Step> }[]): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...steps), { maxLength: 40, size: "max" });
}

export const faultySchedules = schedules(...faultless, ...faults);
export const schedulesWithRetries = schedules(...faultless, ...faults, { weight: 3, arbitrary: retry });
