/**
 * Runs suites of tests one after another, each in a process of its own, and closes with one plain line of counts:
 * `12 passed, 0 failed`. A suite is a folder of test/. Which files it has is read from the sources, so a compiled test
 * whose source is gone does not run, and a source that was not compiled fails. Nothing is green by accident: a suite
 * without a test, one that ends without counts, hangs, or leaves something running counts as a failure.
 *
 * Usage: node dist/test/run-suites.js unit paper … [--except SUITE/FILE]…
 * An exception names a test file without its ".test.ts", such as cluster/faults-matrix; one that excepts nothing is refused.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { placedInPrivateNetwork } from "./private-network.ts";
import type { SuiteCounts } from "./run-suite.ts";

interface Suite {
  readonly testTimeoutMs: number;
  /** The whole suite is stopped after this; far above what it needs. */
  readonly suiteTimeoutMs: number;
  /** Runs in namespaces of its own, where the machine allows it; the tests that need them fail where it does not. */
  readonly privateNetwork?: true;
}

const MINUTE_MS = 60_000;
const SUITES: Readonly<Record<string, Suite>> = {
  unit: { testTimeoutMs: 20_000, suiteTimeoutMs: 5 * MINUTE_MS },
  paper: { testTimeoutMs: 20_000, suiteTimeoutMs: 5 * MINUTE_MS },
  tidy: { testTimeoutMs: 20_000, suiteTimeoutMs: 5 * MINUTE_MS },
  simulator: { testTimeoutMs: 60_000, suiteTimeoutMs: 10 * MINUTE_MS },
  cluster: { testTimeoutMs: 120_000, suiteTimeoutMs: 30 * MINUTE_MS, privateNetwork: true },
  // On a real Kubernetes: see test/kubernetes/rig/with-cluster.sh, which starts it.
  kubernetes: { testTimeoutMs: 300_000, suiteTimeoutMs: 60 * MINUTE_MS },
};
/** How long a suite's process may live on after its last test. */
const LINGER_MS = 3_000;

const compiledTests = fileURLToPath(new URL(".", import.meta.url));
const sourceTests = fileURLToPath(new URL("../../test", import.meta.url));

async function main(args: readonly string[]): Promise<void> {
  const { names, except } = readArguments(args);
  const unknown = names.filter((name) => SUITES[name] === undefined);
  const idle = except.filter((file) => !names.some((name) => testFilesOf(name).includes(file)));
  if (names.length === 0 || unknown.length > 0 || idle.length > 0) {
    const nothing = idle.length === 0 ? "" : `nothing to except: ${idle.join(", ")}; `;
    const wrong = unknown.length === 0 ? nothing : `no such suite: ${unknown.join(", ")}; `;
    process.stderr.write(`run-suites: ${wrong}choose from ${Object.keys(SUITES).join(", ")}\n`);
    process.exitCode = 2;
    return;
  }
  let passed = 0;
  let failed = 0;
  for (const name of names) {
    const startedAtMs = Date.now();
    const counts = await runSuite(name, SUITES[name] as Suite, except);
    passed += counts.passed;
    failed += counts.failed;
    const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
    process.stdout.write(`== ${name}: ${counts.passed} passed, ${counts.failed} failed in ${seconds} s\n`);
  }
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}

/** `except`: compiled files. */
function readArguments(args: readonly string[]): { names: string[]; except: string[] } {
  const names: string[] = [];
  const except: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--except") except.push(join(compiledTests, `${args[(i += 1)] ?? ""}.test.js`));
    else names.push(args[i]!);
  }
  return { names, except };
}

async function runSuite(name: string, suite: Suite, except: readonly string[]): Promise<SuiteCounts> {
  process.stdout.write(`\n== ${name}\n`);
  const files = testFilesOf(name).filter((file) => !except.includes(file));
  if (files.length === 0) return failure(`no *.test.ts under test/${name}`);
  const missing = files.filter((file) => !existsSync(file));
  if (missing.length > 0) return failure(`not compiled: ${missing.join(", ")}; run \`npm run build\``);
  const args = [
    "--enable-source-maps",
    join(compiledTests, "run-suite.js"),
    String(suite.testTimeoutMs),
    ...files,
  ];
  const { file, ...placed } = suite.privateNetwork
    ? placedInPrivateNetwork(process.execPath, args)
    : { file: process.execPath, args, env: process.env };
  // A process group of its own: what a test starts and forgets can be stopped with it.
  const child = spawn(file, placed.args, {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    detached: true,
    env: placed.env,
  });
  return await countsOf(child, suite);
}

/** Compiled files of the suite's sources, in a stable order. */
function testFilesOf(name: string): string[] {
  const folder = join(sourceTests, name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .toSorted()
    .map((path) => join(compiledTests, name, path.replace(/\.ts$/, ".js")));
}

function countsOf(child: ChildProcess, suite: Suite): Promise<SuiteCounts> {
  return new Promise((resolve) => {
    let counts: SuiteCounts | undefined;
    let trouble: string | undefined;
    const stop = (why: string): void => {
      trouble = why;
      killGroup(child);
    };
    let timer = setTimeout(() => {
      stop(`still running after ${suite.suiteTimeoutMs / MINUTE_MS} minutes; stopped`);
    }, suite.suiteTimeoutMs);
    child.on("message", (message) => {
      counts = message as SuiteCounts;
      clearTimeout(timer);
      timer = setTimeout(() => {
        stop(
          "left a timer, socket or process open after its last test; find it with `node --inspect` and close it",
        );
      }, LINGER_MS);
    });
    const forwardSignal = (): void => {
      killGroup(child);
      process.exit(130);
    };
    process.once("SIGINT", forwardSignal).once("SIGTERM", forwardSignal);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      process.off("SIGINT", forwardSignal).off("SIGTERM", forwardSignal);
      trouble ??=
        counts === undefined ? `ended without counts (exit code ${code}, signal ${signal})` : undefined;
      const bad = trouble === undefined ? { passed: 0, failed: 0 } : failure(trouble);
      resolve({
        passed: (counts?.passed ?? 0) + bad.passed,
        failed: (counts?.failed ?? 0) + bad.failed,
      });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already, which is what was wanted.
  }
}

function failure(why: string): SuiteCounts {
  process.stdout.write(`  FAILED: ${why}\n`);
  return { passed: 0, failed: 1 };
}

await main(process.argv.slice(2));
