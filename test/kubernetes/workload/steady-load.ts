/**
 * An application that uses the cluster without a pause: runs inside a pod, through the client library, at a fixed rate,
 * until it gets SIGTERM. Then it reads every key once more. Its last line of output is a LoadReport.
 *
 * Invariant: each key has one writer, which waits for each put: the last acknowledged count of a key must be there
 * for ever, or a later one whose acknowledgement was lost.
 *
 * Environment: LOAD_ENDPOINTS (comma-separated), LOAD_KEYS (64), LOAD_PER_SECOND (40: puts and as many gets).
 */
import { DynamoClient } from "../../../client/dynamo-client.ts";
import type { Entry } from "../../../client/entry.ts";

export interface LoadReport {
  readonly puts: number;
  readonly gets: number;
  /** Calls that the client gave up, with its message; the first twenty. */
  readonly failed: number;
  readonly failures: readonly string[];
  /** Keys whose last acknowledged count was not there, in a get or at the end. */
  readonly lost: readonly string[];
  readonly slowestMs: number;
}

const FAILURES_SHOWN = 20;
const BUCKET = "steady-load";

const endpoints = (process.env["LOAD_ENDPOINTS"] ?? "").split(",");
const keys = Number(process.env["LOAD_KEYS"] ?? "64");
const perSecond = Number(process.env["LOAD_PER_SECOND"] ?? "40");
const client = new DynamoClient({ endpoints });
const acknowledged = new Map<string, number>();
const busy = new Set<string>();
const failures: string[] = [];
const lost: string[] = [];
let puts = 0;
let gets = 0;
let failed = 0;
let slowestMs = 0;
let stopped = false;

/** The greatest count among the siblings; -1 where there is none. */
function countIn({ siblings }: Entry): number {
  return Math.max(-1, ...siblings.map(({ value }) => Number(Buffer.from(value).toString("utf8"))));
}

async function turn(key: string): Promise<void> {
  if (busy.has(key)) return;
  busy.add(key);
  const startedMs = performance.now();
  let what = "get";
  try {
    const expected = acknowledged.get(key) ?? -1;
    const entry = await client.get(BUCKET, key);
    gets += 1;
    const found = countIn(entry);
    if (found < expected) lost.push(`${key}: read ${found} after ${expected} was acknowledged`);
    what = "put";
    const next = Math.max(found, expected) + 1;
    await client.put(entry, String(next));
    puts += 1;
    acknowledged.set(key, next);
  } catch (error) {
    failed += 1;
    const at = new Date().toISOString().slice(11, 23);
    if (failures.length < FAILURES_SHOWN) failures.push(`${at} ${what} ${key}: ${String(error)}`);
  } finally {
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    busy.delete(key);
  }
}

async function finish(): Promise<void> {
  while (busy.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const [key, expected] of acknowledged) {
    const found = await client.get(BUCKET, key).then(countIn, (error: unknown) => {
      failures.push(`last get ${key}: ${String(error)}`);
      return -1;
    });
    if (found < expected) lost.push(`${key}: ended with ${found} after ${expected} was acknowledged`);
  }
  const report: LoadReport = { puts, gets, failed, failures, lost, slowestMs: Math.round(slowestMs) };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  client.close();
}

let number = 0;
const timer = setInterval(() => {
  if (!stopped) void turn(`key-${number++ % keys}`);
}, 1_000 / perSecond);
const progress = setInterval(() => process.stdout.write(`${JSON.stringify({ puts, failed })}\n`), 1_000);
process.once("SIGTERM", () => {
  stopped = true;
  clearInterval(timer);
  clearInterval(progress);
  void finish();
});
