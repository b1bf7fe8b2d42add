import { expect } from "chai";
import { InvariantBroken } from "../../../../../node/core/invariant.ts";
import { type Coverage, emptyCoverage, join, withDot } from "../../../../../node/core/version/coverage.ts";
import { type Dot, parseActorId } from "../../../../../node/core/version/dot.ts";
import { encodeRecord } from "../../../../../node/core/version/record-codec.ts";
import {
  compareBytes,
  dotOfWrite,
  emptyRecord,
  type KeyRecord,
  merge,
  type NewValue,
  put,
  visibleSiblings,
} from "../../../../../node/core/version/record.ts";

/** docs/decisions/0002: one write that two coordinators took has two dots, and is folded when it is shown. */
const dotOf = (digit: string): Dot => ({ actor: parseActorId(`${digit.repeat(16)}#1`), n: 1 });
const [d1, d2, d3, d4] = ["1", "2", "3", "4"].map(dotOf) as [Dot, Dot, Dot, Dot];

const nothing = emptyRecord({ bucket: text("carts"), key: text("alice") });
const x = value("x", "request-x");
const y = value("y", "request-y");
const deletion: NewValue = { ...value("", "request-delete"), tombstone: true };

function text(from: string): Uint8Array {
  return new TextEncoder().encode(from);
}

function value(content: string, requestId: string): NewValue {
  return { tombstone: false, value: text(content), contentType: "text/plain", modifiedMs: 0, requestId };
}

function only(...dots: readonly Dot[]): Coverage {
  return dots.reduce(withDot, emptyCoverage);
}

function shownBy(record: KeyRecord): string[] {
  return visibleSiblings(record).map((sibling) => new TextDecoder().decode(sibling.value));
}

/** The rule that was not taken: of two dots of one write the greater stays, and both are covered. */
function foldingMerge(left: KeyRecord, right: KeyRecord): KeyRecord {
  const merged = merge(left, right);
  const siblings = merged.siblings.filter(
    (sibling, i) =>
      !merged.siblings.slice(i + 1).some((later) => {
        return later.requestId === sibling.requestId && compareBytes(later.value, sibling.value) === 0;
      }),
  );
  return { ...merged, siblings };
}

/** Three replicas: A and B each took x under one request id; C took y, whose writer saw B's x. */
const a = put(nothing, { seen: emptyCoverage, dot: d1, value: x });
const b = put(nothing, { seen: emptyCoverage, dot: d2, value: x });
const c = put(b, { seen: b.coverage, dot: d3, value: y });
const twins = merge(a, b);

describe("a write that two coordinators took", () => {
  it("would make merge depend on its order if merge folded it", () => {
    expect(shownBy(foldingMerge(foldingMerge(a, b), c))).to.deep.equal(["y"]);
    expect(shownBy(foldingMerge(a, foldingMerge(b, c)))).to.deep.equal(["x", "y"]);
  });

  it("leaves the shipped merge associative", () => {
    expect(encodeRecord(merge(merge(a, b), c))).to.deep.equal(encodeRecord(merge(a, merge(b, c))));
  });

  it("is shown once, though both dots are kept", () => {
    expect(twins.siblings.map(({ dot }) => dot)).to.deep.equal([d1, d2]);
    expect(shownBy(twins)).to.deep.equal(["x"]);
  });

  it("is deleted under both dots with the context of a get", () => {
    const deleted = put(twins, { seen: twins.coverage, dot: d4, value: deletion });
    expect(deleted.siblings.map(({ dot }) => dot)).to.deep.equal([d4]);
    for (const late of [a, b, twins]) expect(shownBy(merge(deleted, late))).to.deep.equal([]);
  });

  it("is superseded under both dots with a put's context that covers only one", () => {
    for (const dot of [d1, d2]) {
      const after = put(twins, { seen: only(dot), dot: d4, value: y });
      expect(shownBy(after)).to.deep.equal(["y"]);
      for (const late of [a, b, twins]) expect(shownBy(merge(after, late))).to.deep.equal(["y"]);
    }
  });

  it("is superseded under both dots where the retry carried the context of the unfinished first attempt", () => {
    const retried = put(nothing, { seen: only(d1), dot: d2, value: x });
    const after = put(retried, { seen: only(d1, d2), dot: d4, value: y });
    expect(shownBy(merge(after, a))).to.deep.equal(["y"]);
  });

  it("comes back beside its successor where its lost first dot turns up only then, whether merge folds or not", () => {
    expect(shownBy(merge(c, a))).to.deep.equal(["x", "y"]);
    expect(shownBy(foldingMerge(c, a))).to.deep.equal(["x", "y"]);
  });

  it("is found by its retry", () => {
    expect(dotOfWrite(a, x)).to.deep.equal(d1);
    expect(dotOfWrite(b, x)).to.deep.equal(d2);
    expect(dotOfWrite(c, x)).to.equal(undefined);
  });
});

describe("a request id", () => {
  it("that comes back with another value names another write, of which none is dropped", () => {
    for (const other of [
      { ...x, value: text("z") },
      { ...x, contentType: "application/json" },
      { ...x, value: text(""), tombstone: true },
    ]) {
      expect(dotOfWrite(a, other)).to.equal(undefined);
      const both = put(a, { seen: emptyCoverage, dot: d2, value: other });
      expect(both.siblings).to.have.lengthOf(2);
      const after = put(both, { seen: only(d2), dot: d3, value: y });
      expect(after.siblings.map(({ dot }) => dot)).to.deep.equal([d1, d3]);
    }
  });

  it("does not make a delete of the put of an empty value", () => {
    const empty = { ...deletion, tombstone: false };
    const live = put(nothing, { seen: emptyCoverage, dot: d1, value: empty });
    expect(dotOfWrite(live, empty)).to.deep.equal(d1);
    expect(dotOfWrite(live, deletion)).to.equal(undefined);
  });

  it("that is empty names no write", () => {
    const nameless = { ...x, requestId: "" };
    const both = [d1, d2].reduce(
      (record, dot) => put(record, { seen: emptyCoverage, dot, value: nameless }),
      nothing,
    );
    expect(shownBy(both)).to.deep.equal(["x", "x"]);
    expect(dotOfWrite(both, nameless)).to.equal(undefined);
  });
});

describe("put", () => {
  it("breaks on a dot that the record or the client knows already", () => {
    expect(() => put(a, { seen: emptyCoverage, dot: d1, value: y })).to.throw(
      InvariantBroken,
      "minted a second time",
    );
    expect(() => put(nothing, { seen: only(d1), dot: d1, value: y })).to.throw(InvariantBroken);
  });

  it("covers what the client saw, also where this replica had not received it", () => {
    const behind = put(nothing, { seen: twins.coverage, dot: d3, value: y });
    expect(behind.coverage).to.deep.equal(join(twins.coverage, only(d3)));
    expect(shownBy(merge(behind, twins))).to.deep.equal(["y"]);
  });

  it("shows one live value beside a tombstone alone", () => {
    const deleted = put(nothing, { seen: emptyCoverage, dot: d4, value: deletion });
    expect(merge(deleted, a).siblings).to.have.lengthOf(2);
    expect(shownBy(merge(deleted, a))).to.deep.equal(["x"]);
  });
});
