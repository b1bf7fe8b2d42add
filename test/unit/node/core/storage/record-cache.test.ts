import { expect } from "chai";
import type {
  CacheableStore,
  ReplicaQuery,
  ReplicaRead,
  Stored,
} from "../../../../../node/core/ports/replica-store.ts";
import type { MisplacedStore } from "../../../../../node/core/ports/misplaced-store.ts";
import type { Sealing } from "../../../../../node/core/ports/seal-store.ts";
import { RecordCache } from "../../../../../node/core/storage/record-cache.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const positionOf = (key: string): Uint8Array => bytes(key.padEnd(16, "."));

function query(key: string, want: "record" | "digest" = "record"): ReplicaQuery {
  return { bucket: bytes("b"), key: bytes(key), position: positionOf(key), want };
}

/** A store whose answers the test gives, one by one and in any order. */
class ManualStore implements CacheableStore, MisplacedStore {
  readonly reads: { query: ReplicaQuery; answer: (read: ReplicaRead) => void }[] = [];
  readonly writes: ((stored: Stored) => void)[] = [];

  coordinate() {
    return { merged: new Promise<never>(() => undefined), durable: this.store() };
  }

  store(): Promise<Stored> {
    return new Promise((resolve) => this.writes.push(resolve));
  }

  mark(): Promise<Stored> {
    return this.store();
  }

  dropRows(): Promise<Stored> {
    return this.store();
  }

  async seal(): Promise<Sealing> {
    await this.store();
    return { status: "sealed", dropped: 1, pruned: 0 };
  }

  read(asked: ReplicaQuery): Promise<ReplicaRead> {
    return new Promise((answer) => this.reads.push({ query: asked, answer }));
  }

  rowsRestored: () => void = () => undefined;

  onRowsRestored(listener: () => void): void {
    this.rowsRestored = listener;
  }

  oldestWriteAgeMs(): number {
    return 0;
  }
}

const incoming = (key: string) => ({ position: positionOf(key), record: bytes("r"), keptFor: [] });

function found(value: string, want: "record" | "digest" = "record"): ReplicaRead {
  const record = want === "record" ? bytes(value) : undefined;
  return { status: "found", record, digest: positionOf(value), keptFor: [] };
}

describe("record cache", () => {
  let store: ManualStore;
  let cache: RecordCache;
  beforeEach(() => {
    store = new ManualStore();
    cache = new RecordCache(store, 1_000_000);
  });

  async function fill(key: string, value: string): Promise<void> {
    const read = cache.read(query(key));
    store.reads.at(-1)!.answer(found(value));
    await read;
  }

  it("answers a second read, and the digest alone, without asking the store", async () => {
    await fill("k", "v1");
    expect(await cache.read(query("k"))).to.deep.equal(found("v1"));
    expect(await cache.read(query("k", "digest"))).to.deep.equal(found("v1", "digest"));
    expect(store.reads).to.have.length(1);
    expect(cache.counts()).to.include({ hits: 2, misses: 1 });
  });

  it("asks for the record where only the digest is known", async () => {
    const digest = cache.read(query("k", "digest"));
    store.reads[0]!.answer(found("v1", "digest"));
    await digest;
    void cache.read(query("k"));
    expect(store.reads).to.have.length(2);
  });

  it("forgets dropped keys at once, and keeps nothing that was read of them before they are gone", async () => {
    await fill("k", "v1");
    const dropped = cache.dropRows(
      ["k", "other"].map((key) => ({ position: positionOf(key), digest: bytes("") })),
    );
    await fill("k", "v1");
    await fill("other", "v1");
    store.writes[0]!({ ok: true });
    await dropped;
    void cache.read(query("k"));
    void cache.read(query("other"));
    expect(store.reads).to.have.length(5);
  });

  it("forgets a key that is sealed, and keeps no answer of before", async () => {
    await fill("k", "v1");
    const sealed = cache.seal([
      { ...query("k"), coverage: { vector: new Map(), loose: new Map() }, siblings: [] },
    ]);
    const read = cache.read(query("k"));
    expect(store.reads).to.have.length(2);
    store.writes[0]!({ ok: true });
    await sealed;
    store.reads[1]!.answer(found("v1"));
    await read;
    void cache.read(query("k"));
    expect(store.reads).to.have.length(3);
  });

  it("forgets a key when a write of it is submitted, before it is durable", async () => {
    await fill("k", "v1");
    void cache.store(incoming("k"));
    void cache.read(query("k"));
    expect(store.reads).to.have.length(2);
  });

  it("does not keep what a read brings that was asked before a write and answered after it", async () => {
    const read = cache.read(query("k"));
    const written = cache.store(incoming("k"));
    store.writes[0]!({ ok: true });
    await written;
    store.reads[0]!.answer(found("v1"));
    await read;
    void cache.read(query("k"));
    expect(store.reads).to.have.length(2);
  });

  it("does not keep what is read while a write is under way", async () => {
    void cache.store(incoming("k"));
    await fill("k", "v1");
    store.writes[0]!({ ok: true });
    void cache.read(query("k"));
    expect(store.reads).to.have.length(2);
  });

  it("keeps again once the last write has ended", async () => {
    const writes = [cache.store(incoming("k")), cache.store(incoming("k"))];
    for (const end of store.writes) end({ ok: true });
    await Promise.all(writes);
    await fill("k", "v2");
    expect(await cache.read(query("k"))).to.deep.equal(found("v2"));
    expect(store.reads).to.have.length(1);
  });

  it("never answers for another key at the same position", async () => {
    await fill("k", "v1");
    void cache.read({ ...query("other"), position: positionOf("k") });
    expect(store.reads).to.have.length(2);
  });

  it("keeps no not-found, no corrupt row and no copy kept for others", async () => {
    const unkept: ReplicaRead[] = [
      { status: "not_found" },
      { status: "corrupt" },
      { status: "found", record: bytes("v"), digest: positionOf("v"), keptFor: ["owner"] },
    ];
    for (const answer of unkept) {
      const read = cache.read(query("k"));
      store.reads.at(-1)!.answer(answer);
      expect(await read).to.deep.equal(answer);
    }
    expect(store.reads).to.have.length(3);
  });

  it("forgets everything where rows were restored that nobody wrote, also what is being read", async () => {
    await fill("k", "v1");
    const early = cache.read(query("other"));
    store.rowsRestored();
    store.reads.at(-1)!.answer(found("before"));
    expect(await early).to.deep.equal(found("before"));
    expect(cache.counts().bytes).to.equal(0);
    const asked = store.reads.length;
    await fill("k", "v2");
    await fill("other", "after");
    expect(store.reads).to.have.length(asked + 2);
    expect(await cache.read(query("k"))).to.deep.equal(found("v2"));
    expect(await cache.read(query("other"))).to.deep.equal(found("after"));
  });

  it("drops the least recently used when full, and holds nothing with no room at all", async () => {
    cache = new RecordCache(store, 1_200);
    for (const key of ["a", "b"]) await fill(key, "v");
    await cache.read(query("a"));
    await fill("c", "v");
    const before = store.reads.length;
    await cache.read(query("a"));
    expect(store.reads.length).to.equal(before);
    void cache.read(query("b"));
    expect(store.reads.length).to.equal(before + 1);
    expect(cache.counts().bytes).to.be.at.most(1_200);
    const none = new RecordCache(store, 0);
    void none.read(query("a"));
    void none.read(query("a"));
    expect(store.reads.length).to.equal(before + 3);
  });
});
