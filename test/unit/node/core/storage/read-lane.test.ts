import { expect } from "chai";
import { keyNamed, OWNER_A } from "./sample-writes.ts";
import { encodeAnswers, READER_MESSAGE } from "../../../../../node/core/storage/read-codec.ts";
import { encodeMerkleAnswer } from "../../../../../node/core/storage/merkle-codec.ts";
import { hintQuestion, merkleQuestion } from "../../../../../node/core/storage/bulk-question.ts";
import { PipePair } from "./pipe-pair.ts";
import { ReadLane } from "../../../../../node/core/storage/read-lane.ts";

class Rig {
  readonly readers: PipePair[];
  readonly lane: ReadLane;
  readonly corrupt: number[] = [];
  readonly timers = new Set<() => void>();
  /** Answers to questions about the tree, in order. */
  readonly answers: string[] = [];
  #soon: (() => void)[] = [];

  constructor({ readers = 2, queriesMax = 10 } = {}) {
    this.readers = Array.from({ length: readers }, () => new PipePair());
    this.lane = new ReadLane({
      pipes: this.readers.map(({ near }) => near),
      timers: { after: (_, run) => this.#after(run), soon: (run) => void this.#soon.push(run) },
      limits: { queriesMax, messagesPerReaderMax: 2, bulkWaitMsMax: 30_000 },
      onCorrupt: ({ dataRowsCorrupt }) => void this.corrupt.push(dataRowsCorrupt),
    });
  }

  #after(run: () => void): () => void {
    this.timers.add(run);
    return () => void this.timers.delete(run);
  }

  /** Thirty seconds pass. */
  timeIsUp(): void {
    for (const run of this.timers) run();
    this.timers.clear();
    this.tick();
  }

  tick(): void {
    for (const run of this.#soon.splice(0)) run();
  }

  get(): void {
    this.lane.submit({ ...keyNamed("cart"), want: "record" }, () => undefined);
  }

  askTree(): void {
    const query = { positions: [], bytesMax: 1 };
    this.lane.submitBulk(merkleQuestion("records", query, (read) => this.answers.push(read.status)));
  }

  askHints(): void {
    const query = { owner: OWNER_A, after: undefined, limits: { rows: 1, bytes: 1 } };
    this.lane.submitBulk(hintQuestion(query, () => undefined));
  }

  /** What waits at each reader, by kind. */
  waiting(): string[][] {
    const names = new Map<number, string>([
      [READER_MESSAGE.queries, "gets"],
      [READER_MESSAGE.hints, "hints"],
      [READER_MESSAGE.merkle, "tree"],
    ]);
    return this.readers.map(({ far }) => far.waiting.map((message) => names.get(message[0]!)!));
  }

  /** The reader answers its oldest message. */
  answer(reader: number): void {
    const { near, far } = this.readers[reader]!;
    const [message] = far.waiting.splice(0, 1);
    const isTree = message![0] === READER_MESSAGE.merkle;
    const corrupt = [new Uint8Array(16), new Uint8Array(16)];
    const records = { status: "read", rows: [], positionsRead: 2, corrupt } as const;
    const gets = { dataRowsCorrupt: 0, hintRowsCorrupt: 0, reads: [{ status: "not_found" }] } as const;
    far.post(isTree ? encodeMerkleAnswer("records", records) : encodeAnswers(gets));
    near.deliver();
    this.tick();
  }
}

describe("ReadLane", () => {
  it("sends questions about the tree after queries and hints of the same tick", () => {
    const rig = new Rig({ readers: 1 });
    rig.askTree();
    rig.askHints();
    rig.get();
    rig.tick();
    expect(rig.waiting()).to.deep.equal([["gets", "tree"]]);
    const other = new Rig();
    other.askHints();
    other.askTree();
    other.get();
    other.tick();
    expect(other.waiting().flat().sort()).to.deep.equal(["gets", "hints", "tree"]);
  });

  it("has one question about the tree under way at a time, so that a reader stays free for gets", () => {
    const rig = new Rig();
    for (let i = 0; i < 3; i++) rig.askTree();
    rig.tick();
    expect(rig.waiting().flat()).to.deep.equal(["tree"]);
    rig.askHints();
    rig.tick();
    expect(rig.waiting().flat().sort()).to.deep.equal(["hints", "tree"]);
    const reader = rig.waiting().findIndex(([first]) => first === "tree");
    rig.answer(reader);
    expect(rig.waiting().flat().sort()).to.deep.equal(["hints", "tree"]);
    expect(rig.answers).to.deep.equal(["read"]);
    expect(rig.lane.pending).to.equal(3);
  });

  it("fails bulk questions that a reader leaves unanswered, and drops the answers when they come", () => {
    const rig = new Rig({ readers: 1 });
    rig.askTree();
    rig.askTree();
    rig.tick();
    rig.timeIsUp();
    expect(rig.answers).to.deep.equal(["failed", "failed"]);
    expect(rig.lane.pending).to.equal(0);
    rig.answer(0);
    expect(rig.answers).to.deep.equal(["failed", "failed"]);
    expect(rig.corrupt).to.deep.equal([]);
    rig.askTree();
    rig.tick();
    rig.answer(0);
    expect(rig.answers).to.deep.equal(["failed", "failed", "read"]);
    expect([rig.lane.pending, rig.timers.size]).to.deep.equal([0, 0]);
  });

  it("sends gets past a reader that leaves a question unanswered, and keeps the tree from the other one", () => {
    const rig = new Rig();
    rig.askTree();
    rig.tick();
    rig.timeIsUp();
    const hanging = rig.waiting().findIndex(([first]) => first === "tree");
    for (let i = 0; i < 2; i++) {
      rig.get();
      rig.tick();
    }
    rig.askTree();
    rig.tick();
    expect(rig.waiting()[hanging]).to.deep.equal(["tree"]);
    expect(rig.waiting()[1 - hanging]).to.deep.equal(["gets", "gets"]);
    rig.answer(hanging);
    expect(rig.waiting().flat()).to.include("tree");
    expect(rig.answers).to.deep.equal(["failed"]);
  });

  it("reports the corrupt rows that an answer names", () => {
    const rig = new Rig();
    rig.askTree();
    rig.tick();
    rig.answer(rig.waiting().findIndex((messages) => messages.length > 0));
    expect(rig.corrupt).to.deep.equal([2]);
  });

  it("refuses bulk questions beyond its bound, and answers all when it fails", () => {
    const rig = new Rig({ queriesMax: 2 });
    rig.askTree();
    rig.askTree();
    rig.tick();
    rig.askTree();
    expect(rig.answers).to.deep.equal(["failed"]);
    rig.lane.fail("the reader died");
    expect(rig.answers).to.deep.equal(["failed", "failed", "failed"]);
    expect(rig.lane.pending).to.equal(0);
  });
});
