import { type MessagePort, workerData } from "node:worker_threads";
import { PortPipe } from "./storage-pipe.ts";
import { ReplicaReader } from "../core/storage/replica-reader.ts";
import { SqliteDatabase } from "./sqlite-database.ts";
import { md5Digester } from "./md5.ts";
import { serveThread } from "./storage-thread-serve.ts";
import { storageFiles } from "./storage-files.ts";

/** A thread that reads committed rows on connections of its own, so that no get waits for an fsync. */
export interface ReaderThreadData {
  readonly dataDir: string;
  readonly cacheBytes: number;
  readonly port: MessagePort;
}

const { dataDir, cacheBytes, port } = workerData as ReaderThreadData;

serveThread(() => {
  const files = storageFiles(dataDir);
  const data = new SqliteDatabase({ path: files.data, role: "read", cacheBytes });
  const hints = new SqliteDatabase({ path: files.hints, role: "read", cacheBytes });
  new ReplicaReader({ data, hints, pipe: new PortPipe(port), hash: md5Digester });
  return {
    facts: {},
    close: () => {
      data.close();
      hints.close();
    },
  };
});
