import { Writable } from "node:stream";
import { expect } from "chai";
import { createLogLine } from "../../../../node/adapters/winston-logger.ts";
import { WinstonObserver } from "../../../../node/adapters/winston-observer.ts";

function collect(): { lines: () => Record<string, unknown>[]; stream: Writable } {
  let text = "";
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const lines = (): Record<string, unknown>[] =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { lines, stream };
}

describe("log", () => {
  it("is one JSON object a line: time, level, event, then the fields", () => {
    const { lines, stream } = collect();
    const line = createLogLine({ level: "info", base: { nodeId: "n" }, stream });
    line("node_started", { port: 1, error: new Error("why") }, "info");
    line("detail_seen", {}, "debug");
    line("two\nlines", {}, "error");
    const [first, second, ...rest] = lines();
    expect(rest).to.deep.equal([]);
    expect(Object.keys(first!).slice(0, 4)).to.deep.equal(["time", "level", "event", "nodeId"]);
    expect(first).to.include({ level: "info", event: "node_started", nodeId: "n", port: 1 });
    expect(first!["error"]).to.include({ message: "why" });
    expect(new Date(String(first!["time"])).getTime()).to.be.closeTo(Date.now(), 60_000);
    expect(second).to.include({ level: "error", event: "two\nlines" });
  });

  it("tells what is rare, nothing of what every request does, and repeats itself once in 30 s at most", () => {
    const { lines, stream } = collect();
    const observer = new WinstonObserver(createLogLine({ level: "debug", base: {}, stream }));
    observer.event({ kind: "put_finished", outcome: "ok", durationMs: 1 });
    observer.event({ kind: "batch_committed", writes: 1, bytes: 1, durationMs: 1 });
    for (let i = 0; i < 100; i++) observer.event({ kind: "peer_call_timed_out", peerId: "p" });
    observer.event({ kind: "peer_call_timed_out", peerId: "q" });
    observer.event({ kind: "ring_installed", generation: 0, epoch: 1, hash: "h", members: 3 });
    observer.event({ kind: "row_corrupt", database: "data" });
    expect(lines().map((line) => `${String(line["level"])} ${String(line["event"])}`)).to.deep.equal([
      "warn peer_call_timed_out",
      "warn peer_call_timed_out",
      "info ring_installed",
      "error row_found_corrupt",
    ]);
  });

  it("says who proposed what for the ring and what came of it, and why a change does not go on", () => {
    const { lines, stream } = collect();
    const observer = new WinstonObserver(createLogLine({ level: "info", base: {}, stream }));
    const proposed = { step: "begin", changeId: "grow-1", epoch: 4 };
    observer.event({ kind: "epoch_proposed", ...proposed });
    const ended = { ...proposed, kind: "epoch_proposal_ended", ballots: 2, durationMs: 12 } as const;
    observer.event({
      ...ended,
      outcome: "undecided",
      message: "2 of the 3 members that decide have to answer",
    });
    observer.event({ ...ended, outcome: "decided", message: "" });
    const far = { changeId: "grow-1", phase: "transfer", moved: 3, total: 9, has: 1, needs: 2 };
    for (let i = 0; i < 10; i++)
      observer.event({ kind: "change_waited", ...far, partition: 7, nodeId: "p", durationMs: 65_000 });
    const [undecided, decided, waited, ...rest] = lines();
    expect(rest).to.deep.equal([]);
    expect(undecided).to.include({ level: "warn", step: "begin", ballots: 2, outcome: "undecided" });
    expect(undecided!["reason"]).to.include("2 of the 3");
    expect(decided).to.include({ level: "info", event: "epoch_proposal_ended", changeId: "grow-1" });
    expect(waited).to.include({ event: "change_waited", moved: 3, total: 9, seconds: 65 });
    expect(waited!["waitsFor"]).to.include("partition 7 at p: level with 1 of 2 owners");
  });

  it("says of a lost hint whom it was kept for, and of a rotten row and a lost hints.db what to do", () => {
    const { lines, stream } = collect();
    const observer = new WinstonObserver(createLogLine({ level: "debug", base: {}, stream }));
    observer.event({ kind: "hint_lost", partition: 7, ownerId: "p" });
    observer.event({ kind: "hints_database_lost", reason: "rolled_back" });
    observer.event({ kind: "row_corrupt", database: "hints" });
    observer.event({ kind: "indexes_rebuilt", database: "hints", rowsDisplaced: 2 });
    expect(lines().map(({ level, advice }) => [level, typeof advice])).to.deep.equal(
      Array.from({ length: 4 }, () => ["error", "string"]),
    );
    expect(lines()[0]).to.deep.include({ ownerId: "p", partition: 7 });
    expect(lines()[1]!["explanation"]).to.include("lacks commits");
  });

  it("says of orphans whom they wait for, and when they are handed over", () => {
    const { lines, stream } = collect();
    const observer = new WinstonObserver(createLogLine({ level: "debug", base: {}, stream }));
    observer.event({ kind: "orphans_waiting", ownerId: "p", delivered: 1, waitsFor: ["q"] });
    observer.event({ kind: "orphans_handed_over", ownerId: "p", delivered: 2 });
    expect(lines()[0]).to.deep.include({ level: "warn", ownerId: "p", waitsFor: ["q"] });
    expect(lines()[1]).to.deep.include({ level: "info", ownerId: "p", delivered: 2 });
  });
});
