import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { V1Pod } from "@kubernetes/client-node";
import { expect } from "chai";
import { ADMIN_PORT } from "../../../../node/contract/pod-contract.ts";
import { NodeInquiry } from "../../../../operator/kube/node-inquiry.ts";

const ANSWERS_AFTER_MS = 150;
const [A, B, NOBODY] = ["127.0.99.1", "127.0.99.2", "127.0.99.3"] as const;

describe("operator: asking nodes", () => {
  const servers: Server[] = [];
  let inquiry: NodeInquiry;

  before(async () => {
    for (const address of [A, B]) {
      const server = createServer((request, response) => {
        const body = request.url === "/admin/v1/members" ? { members: [] } : { epoch: 1 };
        setTimeout(() => response.end(JSON.stringify(body)), ANSWERS_AFTER_MS);
      });
      server.listen(ADMIN_PORT, address);
      await once(server, "listening");
      servers.push(server);
    }
  });

  after(() => {
    for (const server of servers) server.close();
  });

  beforeEach(() => (inquiry = new NodeInquiry()));
  afterEach(() => inquiry.close());

  it("is not disturbed by a look at another cluster meanwhile, nor by the end of one", async () => {
    const asked = inquiry.reports("shop/a", [pod("a-0", A)], undefined);
    await inquiry.reports("shop/b", [pod("b-0", B)], undefined);
    inquiry.forget("shop/b");
    expect(await asked).to.have.nested.property("[0].answered", true);
    const again = inquiry.reports("shop/a", [pod("a-0", A)], undefined);
    await inquiry.reports("shop/b", [], undefined);
    expect(await again).to.have.nested.property("[0].answered", true);
  });

  it("reports a node that does not answer with the reason, and leaves out a pod without an address", async () => {
    const reports = await inquiry.reports("shop/a", [pod("a-0", NOBODY), pod("a-1", undefined)], undefined);
    expect(reports).to.have.length(1);
    expect(reports[0]).to.include({ pod: "a-0", answered: false });
    expect(reports[0]).to.have.property("reason").that.contains("ECONNREFUSED");
  });
});

function pod(name: string, podIP: string | undefined): V1Pod {
  return { metadata: { name, namespace: "shop" }, status: podIP === undefined ? {} : { podIP } };
}
