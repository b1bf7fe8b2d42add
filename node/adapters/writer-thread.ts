import { type MessagePort, workerData } from "node:worker_threads";
import { GroupCommit } from "../core/storage/group-commit.ts";
import { ensureTree } from "../core/merkle/tree-build.ts";
import { RESTART, storageFiles } from "./storage-files.ts";
import { PortPipe } from "./storage-pipe.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import type { StorageLimits } from "../core/storage/apply-write.ts";
import { CryptoRandom } from "./crypto-random.ts";
import { md5Digester } from "./md5.ts";
import { serveThread } from "./storage-thread-serve.ts";
import { wallClock } from "./wall-clock.ts";

/** The one thread that writes. It moves messages; what a batch is and when it is acknowledged: core/storage. */
export interface WriterThreadData {
  readonly dataDir: string;
  readonly cacheBytes: number;
  readonly fileBytesMax: number | undefined;
  readonly limits: StorageLimits;
  /** See RESTART in storage-files.ts. */
  readonly restart: Int32Array;
  readonly port: MessagePort;
}

/** A reader in the middle of a message holds the log for about a millisecond. */
const RESTART_WAIT_MS = 20;

const { dataDir, cacheBytes, fileBytesMax, limits, restart, port } = workerData as WriterThreadData;

/** Between two reports on a task of minutes. */
const REPORT_INTERVAL_MS = 5_000;

serveThread((report) => {
  const files = storageFiles(dataDir);
  const data = new SqliteDatabase({ path: files.data, role: "write", cacheBytes, fileBytesMax });
  const hints = new SqliteDatabase({
    path: files.hints,
    role: "write",
    cacheBytes,
    fileBytesMax,
    shrinks: true,
  });
  let reportedMs = wallClock.monotonicMs();
  ensureTree(data, (rowsDone) => {
    const nowMs = wallClock.monotonicMs();
    if (nowMs - reportedMs < REPORT_INTERVAL_MS) return;
    reportedMs = nowMs;
    report({ task: "building_merkle_tree", rowsDone });
  });
  const pipe = new PortPipe(port, commitAll);
  const engine = new GroupCommit({
    data,
    hints,
    pipe,
    limits,
    hash: md5Digester,
    random: new CryptoRandom(),
    clock: wallClock,
  });

  function commitAll(): void {
    while (engine.apply()) {
      engine.commit();
      if (Atomics.exchange(restart, RESTART.data, 0) === 1) data.restartLog(RESTART_WAIT_MS);
      if (Atomics.exchange(restart, RESTART.hints, 0) === 1) hints.restartLog(RESTART_WAIT_MS);
      pipe.drain();
    }
  }

  return {
    facts: {
      rows: { data: data.count(), hints: hints.count(), ...hints.countKept() },
      hintBytes: hints.usedBytes(),
      tombstones: engine.tombstones,
      opened: engine.opened,
    },
    close: () => {
      data.close();
      hints.close();
    },
  };
});
