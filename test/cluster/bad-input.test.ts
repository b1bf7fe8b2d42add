import { describeBadInput } from "../unit/node/http/bad-input-catalogue.ts";
import type { RawTarget } from "../unit/node/http/raw-http.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

describe("cluster: bad input at a client port: N=3 W=2 R=2, three real nodes", () => {
  const rig = new LocalClusterRig();
  let target: RawTarget;

  before(async () => {
    expectCode(await rig.up(), 0);
    const [host, port] = rig.nodes(3)[0]!.client.split(":");
    target = { host: host!, port: Number(port) };
  });

  after(() => rig.remove());

  describeBadInput(() => target);
});
