import { expect } from "chai";
import { covers, emptyCoverage, includes, withDot } from "../../node/core/version/coverage.ts";
import { type ActorId, type Dot, parseActorId } from "../../node/core/version/dot.ts";
import {
  emptyRecord,
  type KeyRecord,
  merge,
  type NewValue,
  put,
  visibleSiblings,
} from "../../node/core/version/record.ts";

/**
 * Dynamo §4.4, "Data Versioning", passage by passage. Our vector clock has a dot for each value besides: the clocks
 * of Figure 3 are the vectors of the records here, and "the version" of a value is its dot.
 */
const [Sx, Sy, Sz] = ["aa", "bb", "cc"].map((name) => parseActorId(`${name.padStart(16, "0")}#1`)) as [
  ActorId,
  ActorId,
  ActorId,
];
const nothing = emptyRecord({ bucket: text("carts"), key: text("alice") });
let requests = 0;

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

function value(content: string): NewValue {
  const requestId = `request-${++requests}`;
  return { tombstone: false, value: text(content), contentType: "text/plain", modifiedMs: 0, requestId };
}

/** A client that read `read` writes through the node `at`, whose own copy is `held`. */
function written(
  held: KeyRecord,
  { at, n, read, content }: { at: ActorId; n: number; read: KeyRecord; content: string },
) {
  return put(held, { seen: read.coverage, dot: { actor: at, n }, value: value(content) });
}

function shownBy(record: KeyRecord): string[] {
  return visibleSiblings(record).map((sibling) => new TextDecoder().decode(sibling.value));
}

/** As in Figure 3: [(Sx,2),(Sy,1)]. */
function clockOf(record: KeyRecord): string {
  const names = new Map([
    [Sx, "Sx"],
    [Sy, "Sy"],
    [Sz, "Sz"],
  ]);
  const entries = [...record.coverage.vector].map(([actor, n]) => `(${names.get(actor)},${n})`);
  expect(record.coverage.loose.size).to.equal(0);
  return `[${entries.sort().join(",")}]`;
}

describe("§4.4 Figure 3: version evolution of an object over time", () => {
  const D1 = written(nothing, { at: Sx, n: 1, read: nothing, content: "D1" });
  const D2 = written(D1, { at: Sx, n: 2, read: D1, content: "D2" });
  const D3 = written(D2, { at: Sy, n: 1, read: D2, content: "D3" });
  const D4 = written(D2, { at: Sz, n: 1, read: D2, content: "D4" });
  const read = merge(D3, D4);
  const D5 = written(D3, { at: Sx, n: 3, read, content: "D5" });

  it("§4.4 a write handled by Sx gives D1 the clock [(Sx,1)]", () => {
    expect(clockOf(D1)).to.equal("[(Sx,1)]");
    expect(shownBy(D1)).to.deep.equal(["D1"]);
  });

  it("§4.4 D2, written by the same node from D1, has [(Sx,2)] and overwrites D1", () => {
    expect(clockOf(D2)).to.equal("[(Sx,2)]");
    expect(shownBy(D2)).to.deep.equal(["D2"]);
  });

  it("§4.4 a node that still holds D1 and receives D2 discards D1, in either order", () => {
    expect(shownBy(merge(D1, D2))).to.deep.equal(["D2"]);
    expect(shownBy(merge(D2, D1))).to.deep.equal(["D2"]);
  });

  it("§4.4 D3, written through Sy from D2, has [(Sx,2),(Sy,1)]; D4, through Sz, has [(Sx,2),(Sz,1)]", () => {
    expect(clockOf(D3)).to.equal("[(Sx,2),(Sy,1)]");
    expect(clockOf(D4)).to.equal("[(Sx,2),(Sz,1)]");
  });

  it("§4.4 a node that knows D1 or D2 and receives D4 finds both overwritten and collects them", () => {
    for (const older of [D1, D2]) expect(shownBy(merge(older, D4))).to.deep.equal(["D4"]);
  });

  it("§4.4 a node that holds D3 and receives D4 finds no causal relation and keeps both", () => {
    expect(shownBy(read)).to.have.members(["D3", "D4"]);
    expect(includes(D3.coverage, D4.coverage) || includes(D4.coverage, D3.coverage)).to.equal(false);
  });

  it("§4.4 a read of both has the context [(Sx,2),(Sy,1),(Sz,1)], the summary of their clocks", () => {
    expect(clockOf(read)).to.equal("[(Sx,2),(Sy,1),(Sz,1)]");
  });

  it("§4.4 the reconciled D5, written through Sx, has [(Sx,3),(Sy,1),(Sz,1)] and replaces both", () => {
    expect(clockOf(D5)).to.equal("[(Sx,3),(Sy,1),(Sz,1)]");
    expect(shownBy(D5)).to.deep.equal(["D5"]);
    for (const older of [D1, D2, D3, D4, read]) expect(shownBy(merge(older, D5))).to.deep.equal(["D5"]);
  });
});

describe("§4.4 versions", () => {
  it("§4.4 each modification is a new and immutable version: a put changes no record that was there", () => {
    const first = written(nothing, { at: Sx, n: 1, read: nothing, content: "first" });
    const before = structuredClone(first);
    written(first, { at: Sx, n: 2, read: first, content: "second" });
    merge(first, written(nothing, { at: Sy, n: 1, read: nothing, content: "other" }));
    expect(first).to.deep.equal(before);
  });

  it("§4.4 mostly new versions subsume the old, and the store itself reconciles them (syntactic)", () => {
    let held = nothing;
    const replicas = [nothing, nothing, nothing];
    for (let n = 1; n <= 9; n++) {
      held = written(held, { at: Sx, n, read: held, content: `version ${n}` });
      replicas[n % 3] = merge(replicas[n % 3]!, held);
    }
    expect(shownBy(replicas.reduce(merge))).to.deep.equal(["version 9"]);
  });

  it("§4.4 a put states which version it updates by the context of an earlier read; without one it updates none", () => {
    const first = written(nothing, { at: Sx, n: 1, read: nothing, content: "first" });
    expect(shownBy(written(first, { at: Sx, n: 2, read: first, content: "second" }))).to.deep.equal([
      "second",
    ]);
    expect(shownBy(written(first, { at: Sx, n: 2, read: nothing, content: "second" }))).to.deep.equal([
      "first",
      "second",
    ]);
  });

  it("§4.4 a write with an older context branches from the newer version instead of overwriting it", () => {
    const D1 = written(nothing, { at: Sx, n: 1, read: nothing, content: "D1" });
    const D2 = written(D1, { at: Sx, n: 2, read: D1, content: "D2" });
    const late = written(D2, { at: Sx, n: 3, read: D1, content: "late" });
    expect(shownBy(late)).to.deep.equal(["D2", "late"]);
  });

  it("two clients with one context through one node make siblings, which the paper's clocks cannot tell apart", () => {
    const D1 = written(nothing, { at: Sx, n: 1, read: nothing, content: "D1" });
    const left = written(D1, { at: Sx, n: 2, read: D1, content: "left" });
    const both = written(left, { at: Sx, n: 3, read: D1, content: "right" });
    expect(shownBy(both)).to.deep.equal(["left", "right"]);
    const dots: Dot[] = both.siblings.map(({ dot }) => dot);
    expect(dots.map(({ n }) => n)).to.deep.equal([2, 3]);
  });

  it("the context of a put covers the new version and what the client had read, and nothing between", () => {
    const D1 = written(nothing, { at: Sx, n: 1, read: nothing, content: "D1" });
    const left = written(D1, { at: Sx, n: 2, read: D1, content: "left" });
    const right = written(left, { at: Sx, n: 3, read: D1, content: "right" });
    const context = withDot(D1.coverage, { actor: Sx, n: 3 });
    expect(covers(context, { actor: Sx, n: 2 })).to.equal(false);
    const next = put(right, { seen: context, dot: { actor: Sx, n: 4 }, value: value("next") });
    expect(shownBy(next)).to.deep.equal(["left", "next"]);
  });

  it("deviates from §4.4's truncation: the eleventh coordinator drops no entry of the clock", () => {
    let record = nothing;
    for (let i = 1; i <= 11; i++) {
      const at = parseActorId(`${i.toString(16).padStart(16, "0")}#1`);
      record = written(record, { at, n: 1, read: record, content: `through ${i}` });
    }
    expect(record.coverage.vector.size).to.equal(11);
    expect(shownBy(record)).to.deep.equal(["through 11"]);
  });

  it("an empty context is what a client has before it reads", () => {
    expect(nothing.coverage).to.deep.equal(emptyCoverage);
  });
});
