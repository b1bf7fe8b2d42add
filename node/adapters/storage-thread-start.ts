import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { DatabaseFailure, type DatabaseFailureCode } from "../core/ports/database.ts";
import { CLOSE, type ThreadFacts, type ThreadOpened, type ThreadProgress } from "./storage-thread-serve.ts";

/** A running storage thread, seen from the network thread. */
export interface StorageThread {
  /** This side's end of the pipe for packed commands and replies. */
  readonly port: MessagePort;
  readonly facts: ThreadFacts;
  /** Resolves when the thread has closed its files and ended. */
  close(): Promise<void>;
}

export interface StartThread {
  readonly name: string;
  readonly script: URL;
  /** Handed to the thread as workerData, beside `port`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The thread is still opening its files. */
  onProgress?: ((progress: ThreadProgress) => void) | undefined;
  /** The thread died after it was ready. The process must end: what it had accepted is in an unknown state. */
  onFatal(error: Error): void;
}

/** Resolves when the thread has opened its files. Rejects with DatabaseFailure where it cannot. */
export async function startThread(start: StartThread): Promise<StorageThread> {
  const { name, script, data, onFatal } = start;
  const { port1, port2 } = new MessageChannel();
  const workerData = { ...data, port: port2 };
  const worker = new Worker(script, { name, workerData, transferList: [port2] });
  const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const facts = await opened(worker, start);
  let closing = false;
  worker.on("error", (error) =>
    onFatal(new Error(`storage thread ${name} crashed: ${error.message}`, { cause: error })),
  );
  worker.on("exit", (code) => {
    if (!closing) onFatal(new Error(`storage thread ${name} ended by itself with code ${code}`));
  });
  const close = async (): Promise<void> => {
    closing = true;
    worker.postMessage(CLOSE);
    await exited;
    port1.close();
  };
  return { port: port1, facts, close };
}

function opened(worker: Worker, { name, onProgress }: StartThread): Promise<ThreadFacts> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(error);
    const onExit = (code: number): void =>
      reject(new Error(`storage thread ${name} ended with code ${code} at start`));
    worker.once("error", onError);
    worker.once("exit", onExit);
    worker.on("message", (message: ThreadOpened) => {
      if (message.kind === "progress") {
        onProgress?.(message.progress);
        return;
      }
      worker.off("error", onError);
      worker.off("exit", onExit);
      if (message.kind === "ready") resolve(message.facts);
      else reject(new DatabaseFailure(message.code as DatabaseFailureCode, message.message));
    });
  });
}
