import { expect } from "chai";
import { checkShown, type Shown, type Violation } from "./checker.ts";
import type { Write } from "./history.ts";

function write(id: string, fields: Partial<Write> = {}): Write {
  return {
    kind: "put",
    id,
    key: "k",
    saw: [],
    startedMs: 0,
    endedMs: 1,
    outcome: "ok",
    attempts: 1,
    ...fields,
  };
}

function kinds(shown: Partial<Shown>, writes: readonly Write[]): Violation["kind"][] {
  return checkShown({ key: "k", ids: [], corrupt: 0, ...shown }, writes).map(({ kind }) => kind);
}

describe("cluster: the history checker", () => {
  it("accepts an acknowledged write that is there, siblings, and an unacknowledged one either way", () => {
    expect(kinds({ ids: ["a"] }, [write("a")])).to.deep.equal([]);
    expect(kinds({ ids: ["a", "b"] }, [write("a"), write("b")])).to.deep.equal([]);
    for (const outcome of ["info", "pending"] as const) {
      expect(kinds({ ids: ["a"] }, [write("a", { outcome })])).to.deep.equal([]);
      expect(kinds({ ids: [] }, [write("a", { outcome })])).to.deep.equal([]);
    }
    expect(kinds({ ids: [] }, [write("a", { outcome: "fail" })])).to.deep.equal([]);
  });

  it("accepts a write that was superseded along a chain, by a value or by a delete", () => {
    const chain = [
      write("a"),
      write("b", { saw: ["a"], outcome: "info" }),
      write("c", { saw: ["b"], outcome: "info" }),
    ];
    expect(kinds({ ids: ["c"] }, chain)).to.deep.equal([]);
    for (const outcome of ["ok", "info"] as const) {
      const deleted = [write("a"), write("d", { kind: "delete", saw: ["a"], outcome })];
      expect(kinds({ ids: [] }, deleted)).to.deep.equal([]);
    }
  });

  it("rejects an acknowledged write that is gone", () => {
    expect(kinds({ ids: [] }, [write("a")])).to.deep.equal(["lost"]);
    expect(kinds({ ids: ["b"] }, [write("a"), write("b")])).to.deep.equal(["lost"]);
  });

  it("rejects a chain that ends in nothing, and one through a delete that was refused", () => {
    expect(kinds({ ids: [] }, [write("a"), write("b", { saw: ["a"], outcome: "info" })])).to.deep.equal([
      "lost",
    ]);
    const refused = [write("a"), write("d", { kind: "delete", saw: ["a"], outcome: "fail" })];
    expect(kinds({ ids: [] }, refused)).to.deep.equal(["lost"]);
  });

  it("rejects a value that came back after a delete, or stands beside a value that replaced it", () => {
    const deleted = [write("a"), write("d", { kind: "delete", saw: ["a"] })];
    expect(kinds({ ids: ["a"] }, deleted)).to.deep.equal(["resurrected"]);
    const replaced = [write("a"), write("b", { saw: ["a"], outcome: "info" })];
    expect(kinds({ ids: ["a", "b"] }, replaced)).to.deep.equal(["resurrected"]);
    expect(kinds({ ids: ["a"] }, replaced)).to.deep.equal([]);
  });

  it("excuses a value that came back only where it was sent more than once", () => {
    const deleted = [write("a", { attempts: 2 }), write("d", { kind: "delete", saw: ["a"] })];
    expect(kinds({ ids: ["a"] }, deleted)).to.deep.equal([]);
  });

  it("rejects a value that was refused, one that nobody wrote, and one that does not match its checksum", () => {
    expect(kinds({ ids: ["a"] }, [write("a", { outcome: "fail" })])).to.deep.equal(["refused"]);
    expect(kinds({ ids: ["x"] }, [])).to.deep.equal(["unknown"]);
    expect(kinds({ ids: ["d"] }, [write("d", { kind: "delete" })])).to.deep.equal(["unknown"]);
    expect(kinds({ corrupt: 1 }, [])).to.deep.equal(["corrupt"]);
  });

  it("rejects one write that is shown twice", () => {
    expect(kinds({ ids: ["a", "a"] }, [write("a")])).to.deep.equal(["duplicate"]);
  });

  it("holds a read only against what was promised when it began", () => {
    const [before, after] = [write("a"), write("b")];
    const shown = { key: "k", ids: ["a"], corrupt: 0 };
    expect(checkShown(shown, [before, after], [before])).to.deep.equal([]);
    expect(checkShown({ ...shown, ids: ["b"] }, [before, after], [before])).to.have.length(1);
  });
});
