import { expect } from "chai";
import type { Coverage } from "../../../node/core/version/coverage.ts";
import { type ActorId, type Dot, parseActorId } from "../../../node/core/version/dot.ts";
import type { KeyRecord, Sibling } from "../../../node/core/version/record.ts";
import type { KnownDot } from "../workload/dot-registry.ts";
import type { WriteOperation } from "../workload/history.ts";
import { lostWrites, resurrectedWrites } from "./final-state.ts";

const ACTOR = parseActorId("00000000000000aa#1");
const dot = (n: number): Dot => ({ actor: ACTOR, n });
const upTo = (n: number): Coverage => ({
  vector: new Map<ActorId, number>(n > 0 ? [[ACTOR, n]] : []),
  loose: new Map(),
});

/** A write that was acknowledged; the n-th of the one actor. */
function write(n: number, change: Partial<WriteOperation> = {}): WriteOperation {
  const base = { key: "k", invokedMs: n, endedMs: n, seen: upTo(0), saw: [], attempts: 1, answered: upTo(n) };
  const asked = new Set<never>();
  return { kind: "put", id: `w${n}`, outcome: "ok", asked, ...base, ...change };
}

function sibling(n: number, tombstone = false): Sibling {
  const bytes = new Uint8Array(0);
  const meta = { contentType: "", modifiedMs: 0, expiresAtMs: undefined, unknownFields: [] };
  return { dot: dot(n), tombstone, value: bytes, requestId: `w${n}`, ...meta };
}

function state(writes: WriteOperation[], siblings: Sibling[], dots: Record<string, number[]> = {}) {
  const bytes = new Uint8Array(0);
  const record: KeyRecord = { bucket: bytes, key: bytes, coverage: upTo(9), siblings, unknownFields: [] };
  const dotsOf = (writeId: string): KnownDot[] =>
    (dots[writeId] ?? [Number(writeId.slice(1))]).map((n) => {
      return { dot: dot(n), writeId, tombstone: false, fingerprint: "", firstSeenMs: n };
    });
  return { key: "k", record, history: { writesOf: () => writes }, registry: { dotsOf } };
}

const kinds = (found: readonly { kind: string; detail: string }[]): string[] => found.map(({ kind }) => kind);

describe("simulator: the checkers of what is left", () => {
  it("miss an acknowledged write that is in no copy", () => {
    expect(kinds(lostWrites(state([write(1), write(2)], [sibling(2)])))).to.deep.equal([
      "acknowledged_write_lost",
    ]);
    const gone = { ...state([write(1)], []), record: undefined };
    expect(kinds(lostWrites(gone))).to.deep.equal(["acknowledged_write_lost"]);
  });

  it("do not miss a write that a chain of others superseded, acknowledged or not", () => {
    const chain = [
      write(1),
      write(2, { saw: ["w1"], seen: upTo(1), outcome: "unknown" }),
      write(3, { saw: ["w2"], seen: upTo(2) }),
    ];
    expect(lostWrites(state(chain, [sibling(3)]))).to.deep.equal([]);
  });

  it("let a delete that found nothing leave nothing, also where an earlier attempt of it wrote", () => {
    const deletion = write(1, { kind: "delete", seen: undefined, attempts: 2 });
    expect(lostWrites(state([{ ...deletion, answered: upTo(0) }], []))).to.deep.equal([]);
    expect(kinds(lostWrites(state([deletion], [])))).to.deep.equal(["acknowledged_write_lost"]);
  });

  it("let a delete that found another's tombstone leave none, also where an earlier attempt of it had failed", () => {
    const [first, deletion] = [write(1, { kind: "delete" }), write(2, { kind: "delete", answered: upTo(1) })];
    expect(lostWrites(state([first, deletion], [sibling(1, true)]))).to.deep.equal([]);
    const lost = lostWrites(state([first, { ...deletion, answered: upTo(2) }], [sibling(1, true)]));
    expect(kinds(lost)).to.deep.equal(["acknowledged_write_lost"]);
  });

  it("know that a slow attempt of a delete may see what was written after another attempt was answered", () => {
    const deletion = write(1, { kind: "delete", seen: undefined, attempts: 2 });
    const later = write(2);
    const late = { w1: [1, 3] };
    expect(lostWrites(state([deletion, later], [sibling(1, true)], late))).to.deep.equal([]);
    const missed = lostWrites(state([deletion, later], [sibling(1, true)]));
    expect(kinds(missed)).to.deep.equal(["acknowledged_write_lost"]);
  });

  it("miss a write whose superseder never made it", () => {
    const writes = [write(1), write(2, { saw: ["w1"], seen: upTo(1), outcome: "unknown" }), write(3)];
    expect(kinds(lostWrites(state(writes, [sibling(3)])))).to.deep.equal(["acknowledged_write_lost"]);
  });

  it("do not miss a write that was refused or whose fate nobody was told", () => {
    const writes = [write(1, { outcome: "refused" }), write(2, { outcome: "unknown" })];
    expect(lostWrites(state(writes, []))).to.deep.equal([]);
  });

  it("follow deletes, which clients do not see, by the contexts that were sent", () => {
    const deleted = write(2, { kind: "delete", saw: ["w1"], seen: upTo(1) });
    expect(lostWrites(state([write(1), deleted], [sibling(2, true)]))).to.deep.equal([]);
    expect(lostWrites(state([write(1), deleted, write(3, { seen: upTo(2) })], [sibling(3)]))).to.deep.equal(
      [],
    );
    const blind = state([write(1), deleted, write(3)], [sibling(3)]);
    expect(kinds(lostWrites(blind))).to.deep.equal(["acknowledged_write_lost", "acknowledged_write_lost"]);
  });

  it("see a value beside a write that had seen it", () => {
    const writes = [write(1), write(2, { saw: ["w1"], seen: upTo(1) })];
    expect(kinds(resurrectedWrites(state(writes, [sibling(1), sibling(2)])))).to.deep.equal([
      "superseded_value_resurrected",
    ]);
    expect(kinds(resurrectedWrites(state(writes, [sibling(1)])))).to.deep.equal([
      "superseded_value_resurrected",
    ]);
    expect(resurrectedWrites(state(writes, [sibling(2)]))).to.deep.equal([]);
  });

  it("see a value beside a write whose author was shown one that had seen it", () => {
    const onlySecond: Coverage = { vector: new Map(), loose: new Map([[ACTOR, [2]]]) };
    const writes = [
      write(1),
      write(2, { saw: ["w1"], seen: upTo(1), outcome: "unknown" }),
      write(3, { saw: ["w2"], seen: onlySecond }),
    ];
    expect(kinds(resurrectedWrites(state(writes, [sibling(1), sibling(3)])))).to.deep.equal([
      "superseded_value_resurrected",
    ]);
  });

  it("allow what a superseder that nobody acknowledged has not superseded yet", () => {
    const writes = [write(1), write(2, { saw: ["w1"], seen: upTo(1), outcome: "unknown" })];
    expect(resurrectedWrites(state(writes, [sibling(1)]))).to.deep.equal([]);
  });

  it("allow the second dot of a retry whose first one was seen", () => {
    const writes = [write(1), write(2, { saw: ["w1"], seen: upTo(1) })];
    const twice = { ...sibling(1), dot: dot(5) };
    expect(resurrectedWrites(state(writes, [sibling(2), twice], { w1: [1, 5], w2: [2] }))).to.deep.equal([]);
  });

  it("see a write that was refused as leaving no trace", () => {
    const refused = write(1, { outcome: "refused" });
    expect(kinds(resurrectedWrites(state([refused], [sibling(1)])))).to.deep.equal(["refused_write_applied"]);
  });
});
