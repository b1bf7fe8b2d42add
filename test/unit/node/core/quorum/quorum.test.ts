import { expect } from "chai";
import { resolveQuorum } from "../../../../../node/core/quorum/quorum.ts";

const none = { r: undefined, w: undefined, pr: undefined, pw: undefined };
const defaults = { readQuorum: 2, writeQuorum: 2 };

describe("quorum", () => {
  it("takes the node's defaults where the request names nothing", () => {
    expect(resolveQuorum(none, defaults, 3)).to.deep.equal({
      ok: true,
      quorum: { n: 3, r: 2, w: 2, pr: 0, pw: 0 },
    });
  });

  it("cuts defaults, not overrides, to the copies that there are", () => {
    expect(resolveQuorum(none, defaults, 1)).to.deep.include({ ok: true });
    expect(resolveQuorum({ ...none, w: 2 }, defaults, 1)).to.deep.include({ ok: false });
  });

  it("raises r and w to pr and pw: an owner's answer is an answer", () => {
    const resolved = resolveQuorum({ r: 1, w: 1, pr: 2, pw: 3 }, defaults, 3);
    expect(resolved).to.deep.equal({ ok: true, quorum: { n: 3, r: 2, w: 3, pr: 2, pw: 3 } });
  });

  for (const [name, value] of [
    ["r", 0],
    ["r", 4],
    ["w", 1.5],
    ["w", -1],
    ["pr", -1],
    ["pw", 4],
  ] as const) {
    it(`refuses ${name}=${value} with N=3 and names the range`, () => {
      const resolved = resolveQuorum({ ...none, [name]: value }, defaults, 3);
      expect(resolved.ok).to.equal(false);
      if (!resolved.ok) expect(resolved.message).to.contain(`${name}=${value}`).and.to.contain("to 3");
    });
  }
});
