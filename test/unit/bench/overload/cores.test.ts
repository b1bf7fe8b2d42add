import { expect } from "chai";
import { coresAllowed, coresOf, runOn, splitOf } from "../../../../bench/overload/cores.ts";

describe("cores of an overload", () => {
  it("are read from the kernel's list of ranges", () => {
    expect(coresOf("0-2,5")).to.deep.equal([0, 1, 2, 5]);
    expect(coresOf("7")).to.deep.equal([7]);
    expect(coresOf("")).to.deep.equal([]);
  });

  it("are the last one for the generator and all others for the nodes", () => {
    expect(splitOf([0, 1, 4])).to.deep.equal({ nodes: "0,1", generator: "4" });
    expect(splitOf([0, 3])).to.deep.equal({ nodes: "0", generator: "3" });
  });

  it("are not divided where there is one", () => {
    expect(splitOf([2])).to.equal(undefined);
    expect(splitOf([])).to.equal(undefined);
  });

  it("bind this process, until it is bound to others", () => {
    const allowed = coresAllowed();
    try {
      runOn(String(allowed.at(-1)));
      expect(coresAllowed()).to.deep.equal(allowed.slice(-1));
    } finally {
      runOn(allowed.join(","));
    }
    expect(coresAllowed()).to.deep.equal(allowed);
  });
});
