import { expect } from "chai";
import { hostsOf } from "../../../../operator/controller/lost-volumes.ts";

describe("operator: the hosts that a volume is bound to", () => {
  const bound = (...terms: { key: string; operator: string; values?: string[] }[][]) => ({
    spec: {
      nodeAffinity: {
        required: { nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })) },
      },
    },
  });
  const host = (...values: string[]) => ({ key: "kubernetes.io/hostname", operator: "In", values });

  it("are those that it names, of all its terms", () => {
    expect(hostsOf(bound([host("a")], [host("b", "c")]))).to.deep.equal(["a", "b", "c"]);
  });

  it("are none of a volume that can move: it is never lost with a host", () => {
    expect(hostsOf({ spec: {} })).to.deep.equal([]);
    const zone = { key: "topology.kubernetes.io/zone", operator: "In", values: ["z"] };
    expect(hostsOf(bound([host("a")], [zone]))).to.deep.equal([]);
    expect(
      hostsOf(bound([{ key: "kubernetes.io/hostname", operator: "NotIn", values: ["a"] }])),
    ).to.deep.equal([]);
  });
});
