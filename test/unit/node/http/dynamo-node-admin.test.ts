import { expect } from "chai";
import { md5Digester } from "../../../../node/adapters/md5.ts";
import { type AdminParts, DynamoNodeAdmin } from "../../../../node/http/dynamo-node-admin.ts";
import { membersOf, nodeId, ringOf } from "../core/ring/made-ring.ts";

describe("the admin API over a disk that gives no answer", () => {
  const never = <T>(): Promise<T> => new Promise(() => undefined);
  const key = { bucket: new Uint8Array([1]), key: new Uint8Array([2]) };

  it("says so after ten seconds, of a replica and of the partitions", async () => {
    const timers: (() => void)[] = [];
    const admin = new DynamoNodeAdmin({
      self: { id: nodeId(0) },
      ring: { current: () => ringOf({ members: membersOf(3) }) },
      store: { read: never, partitionRoots: never },
      hash: md5Digester,
      timers: { after: (_delayMs: number, run: () => void) => timers.push(run) && ((): void => undefined) },
    } as unknown as AdminParts);
    const answers = Promise.all([admin.replica(key), admin.partitions()]);
    expect(timers.length).to.equal(2);
    for (const run of timers) run();
    for (const answer of await answers) {
      if (answer.kind !== "failed") throw new Error(answer.kind);
      expect(answer.message).to.include("no answer in 10 s");
    }
  });
});
