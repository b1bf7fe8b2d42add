import { expect } from "chai";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { GroupCommit } from "../../../../../node/core/storage/group-commit.ts";
import { commandBytes, encodeWrites } from "../../../../../node/core/storage/write-codec.ts";
import { decodeWriterReply } from "../../../../../node/core/storage/write-reply-codec.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { PipePair } from "./pipe-pair.ts";
import { countingRandom, writeOf } from "./sample-writes.ts";

describe("GroupCommit: writes with a time to be begun by", () => {
  it("begins none after its time, also where the transaction's own beginning took it", () => {
    let nowMs = 1;
    class SlowDatabase extends MemoryDatabase {
      override begin(): void {
        super.begin();
        nowMs = 150;
      }
    }
    const [pipe, data] = [new PipePair(), new SlowDatabase()];
    const engine = new GroupCommit({
      data,
      hints: new MemoryDatabase(),
      pipe: pipe.far,
      hash: md5Digester,
      random: countingRandom(),
      clock: { monotonicMs: () => nowMs, wallMs: () => 0 },
      limits: { siblingsMax: 100, recordBytesMax: 1 << 20, hintBytesMax: 1 << 30 },
    });
    const codes: string[] = [];
    pipe.near.onMessage((message) => {
      const reply = decodeWriterReply(message);
      if (reply.kind === "merged")
        codes.push(...reply.merged.map(({ result }) => (result.ok ? "ok" : result.code)));
    });
    nowMs = 1;
    const writes = [
      writeOf("a", "late", { mintBeforeMs: 149 }),
      writeOf("b", "in time", { mintBeforeMs: 150 }),
      writeOf("c", "of this node's own client"),
    ].map((write) => ({ kind: "coordinate", write }) as const);
    const bytes = writes.reduce((sum, command) => sum + commandBytes(command), 0);
    pipe.near.post(encodeWrites(0, writes, bytes));
    pipe.far.deliver();
    engine.apply();
    engine.commit();
    pipe.near.deliver();
    expect(codes).to.deep.equal(["too_late", "ok", "ok"]);
    expect(data.count()).to.equal(2);
  });
});
