import { expect } from "chai";
import { createHash } from "node:crypto";
import { sealContext } from "../../../node/core/version/context.ts";
import { emptyCoverage, withDot } from "../../../node/core/version/coverage.ts";
import type { ActorId, Dot } from "../../../node/core/version/dot.ts";
import type { Violation } from "./checker.ts";
import type { FaultCluster } from "./fault-cluster.ts";
import { History } from "./history.ts";
import { apartFromTwins } from "./twin-writes.ts";

const SEEN: Dot = { actor: "00000000000000aa#1" as ActorId, n: 3 };
const OTHER: Dot = { actor: "00000000000000bb#1" as ActorId, n: 1 };

function contextOf(dot: Dot): string {
  const hash = {
    md5: (bytes: Uint8Array) => createHash("md5").update(bytes).digest(),
    currentKeyId: () => 1,
    mac: () => new Uint8Array(16),
  };
  const scope = { clusterId: "c", position: new Uint8Array(16) };
  return Buffer.from(sealContext(withDot(emptyCoverage, dot), scope, hash)).toString("base64url");
}

/** A cluster whose only record has the value of write "a" under this dot. */
function clusterWith(dot: Dot): Pick<FaultCluster, "ownersOf" | "replica"> {
  const replica = { dots: [{ ...dot, requestId: "a" }] } as unknown as Awaited<
    ReturnType<FaultCluster["replica"]>
  >;
  return { ownersOf: () => Promise.resolve([{} as never]), replica: () => Promise.resolve(replica) };
}

describe("cluster: writes with two dots", () => {
  const history = new History();
  history.begin({ kind: "put", id: "b", key: "k", saw: ["a"], context: contextOf(SEEN) });
  const cameBack: Violation = { kind: "resurrected", key: "k", detail: "", value: "a", by: "b" };
  const told = (dot: Dot, violation: Violation): ReturnType<typeof apartFromTwins> =>
    apartFromTwins(clusterWith(dot), { bucket: "x", history }, [violation]);

  it("a value under the dot that its successor's author was shown is resurrected", async () => {
    expect(await told(SEEN, cameBack)).to.deep.equal({ twins: 0, rest: [cameBack] });
  });

  it("a value under a dot that its successor's author was never shown is a twin", async () => {
    expect(await told(OTHER, cameBack)).to.deep.equal({ twins: 1, rest: [] });
  });

  it("every other violation stays what it is", async () => {
    const lost: Violation = { kind: "lost", key: "k", detail: "" };
    expect(await told(OTHER, lost)).to.deep.equal({ twins: 0, rest: [lost] });
    const gone: Violation = { ...cameBack, value: "c" };
    expect(await told(OTHER, gone)).to.deep.equal({ twins: 0, rest: [gone] });
  });
});
