import { expect } from "chai";
import { WorkQueue, type WorkResult } from "../../../../operator/controller/work-queue.ts";

const NEVER: WorkResult = { againAfterMs: undefined };

describe("operator: the queue of clusters", () => {
  let queue: WorkQueue;
  const done: string[] = [];
  const finish = new Map<string, (result: WorkResult) => void>();
  const retries: number[] = [];

  /** Work that ends when the test says so. */
  function open(workers: number, work?: (key: string) => Promise<WorkResult>): void {
    queue = new WorkQueue({
      workers,
      onFailure: (_key, _error, retryMs) => retries.push(retryMs),
      work: (key) => {
        done.push(key);
        return work?.(key) ?? new Promise((resolve) => finish.set(key, resolve));
      },
    });
  }

  async function end(key: string, result = NEVER): Promise<void> {
    finish.get(key)!(result);
    await turn();
  }

  beforeEach(() => {
    done.length = 0;
    retries.length = 0;
    finish.clear();
  });

  afterEach(async () => {
    const stopped = queue.stop();
    for (const resolve of finish.values()) resolve(NEVER);
    await stopped;
  });

  it("holds a key that is added twice once, and works on it again where it changed meanwhile", async () => {
    open(1);
    queue.add("a");
    queue.add("b");
    queue.add("b");
    queue.add("a");
    expect(done).to.deep.equal(["a"]);
    await end("a");
    await end("b");
    expect(done).to.deep.equal(["a", "b", "a"]);
    await end("a");
    expect(queue.depth).to.equal(0);
  });

  it("never gives one key to two workers, and keeps no worker from another key", () => {
    open(2);
    for (const key of ["a", "a", "b", "c"]) queue.add(key);
    expect(done).to.deep.equal(["a", "b"]);
  });

  it("comes back when it was asked to, or before where the key is added", async () => {
    open(1);
    queue.add("a");
    await end("a", { againAfterMs: 20 });
    await sleep(60);
    expect(done).to.deep.equal(["a", "a"]);
    await end("a", { againAfterMs: 60_000 });
    queue.add("a");
    expect(done).to.deep.equal(["a", "a", "a"]);
    await end("a");
  });

  it("comes back later and later to what fails, and soon again after a success", async () => {
    let fails = true;
    open(1, () => (fails ? Promise.reject(new Error("planted")) : Promise.resolve(NEVER)));
    for (let failure = 0; failure < 4; failure++) {
      queue.add("a");
      await turn();
    }
    const [first, , , fourth] = retries;
    expect(first).to.be.within(500, 1_000);
    expect(fourth).to.be.within(4_000, 8_000);
    fails = false;
    queue.add("a");
    await turn();
    fails = true;
    queue.add("a");
    await turn();
    expect(retries.at(-1)).to.be.within(500, 1_000);
  });

  it("waits at most five minutes, however often it failed", async () => {
    open(1, () => Promise.reject(new Error("planted")));
    for (let failure = 0; failure < 40; failure++) {
      queue.add("a");
      await turn();
    }
    expect(Math.max(...retries)).to.be.at.most(300_000);
  });

  it("stops when what is worked on is done, and begins nothing more", async () => {
    open(1);
    queue.add("a");
    queue.add("b");
    let stopped = false;
    const stopping = queue.stop().then(() => (stopped = true));
    await turn();
    expect(stopped).to.equal(false);
    finish.get("a")!({ againAfterMs: 0 });
    await stopping;
    await sleep(20);
    expect(done).to.deep.equal(["a"]);
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
