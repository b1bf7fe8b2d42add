import { expect } from "chai";
import { sealedRecord } from "../../../../../node/core/seal/sealed-record.ts";
import { RecordCache } from "../../../../../node/core/storage/record-cache.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { ReplicaCluster } from "../antientropy/replica-cluster.ts";
import { keyNamed } from "./sample-writes.ts";

describe("the read cache over a disk that hangs", () => {
  it("does not go on showing what was sealed in the end", async () => {
    const cluster = new ReplicaCluster({ nodes: 1, replicas: 1, partitions: 8 });
    const [node] = cluster.nodes;
    const cache = new RecordCache(node!.store, 1 << 20);
    await node!.put("k", "", { tombstone: true });
    const sealed = sealedRecord(decodeRecord(node!.record("k")!))!;
    const query = { ...keyNamed("k"), want: "record" } as const;
    node!.writerHangs = true;
    const sealing = cache.seal([{ ...sealed, position: query.position }]);
    await cluster.advance(60_000);
    expect((await cluster.finished(cache.read(query))).status).to.equal("found");
    node!.writerHangs = false;
    expect(await cluster.finished(sealing)).to.deep.equal({ status: "sealed", dropped: 1, pruned: 0 });
    expect((await cluster.finished(cache.read(query))).status).to.equal("not_found");
  });
});
