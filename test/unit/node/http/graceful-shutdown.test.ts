import { expect } from "chai";
import { shutDownGracefully } from "../../../../node/http/graceful-shutdown.ts";
import { HttpRig } from "./http-rig.ts";
import { exchange, RawConnection, request } from "./raw-http.ts";

describe("graceful shutdown", () => {
  it("turns unready, serves on for a while, stops accepting, and only then closes the rest", async () => {
    const rig = new HttpRig();
    await rig.start();
    const steps: string[] = [];
    const done = shutDownGracefully({
      becomeUnready: () => steps.push("unready"),
      serveMs: 200,
      stopClients: async () => {
        steps.push("stopping");
        await rig.server.stop(1_000);
        steps.push("stopped");
      },
      closeRest: () => Promise.resolve(void steps.push("rest")),
    });
    expect(steps).to.deep.equal(["unready"]);
    const served = await exchange(rig, request("PUT", "/v1/kv/b/k", [], "still served"));
    expect([served.status, steps]).to.deep.equal([204, ["unready"]]);
    await done;
    expect(steps).to.deep.equal(["unready", "stopping", "stopped", "rest"]);
    const late = new RawConnection(rig);
    late.write(request("GET", "/v1/kv/b/k"));
    await late.closed();
    expect(late.unread).to.equal("");
  });
});
