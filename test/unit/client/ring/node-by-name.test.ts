import { expect } from "chai";
import { nodeByName } from "../../../../client/ring/node-by-name.ts";
import type { AdminMember } from "../../../../node/contract/admin-types.ts";

describe("a node by its name", () => {
  const member = (id: string, address: string, clientAddress: string): AdminMember =>
    ({ id, address, clientAddress, state: "active" }) as AdminMember;
  const members = [
    member("1111aaaa-0000-4000-8000-000000000001", "demo-1.nodes:7080", "10.0.0.1:8080"),
    member("1111bbbb-0000-4000-8000-000000000002", "demo-10.nodes:7080", "10.0.0.2:8080"),
    member("2222cccc-0000-4000-8000-000000000003", "", ""),
  ];
  const named = (name: string): string => nodeByName(members, name).id.slice(0, 8);

  it("is known by id, the beginning of it, either address, and the name of its pod", () => {
    expect(named("1111aaaa-0000-4000-8000-000000000001")).to.equal("1111aaaa");
    expect(named("1111BB")).to.equal("1111bbbb");
    expect(named("10.0.0.1:8080")).to.equal("1111aaaa");
    expect(named("demo-10.nodes:7080")).to.equal("1111bbbb");
    expect(named("demo-1")).to.equal("1111aaaa");
  });

  it("is refused where it fits none or several, with those that it may be", () => {
    expect(() => named("1111")).to.throw(/fits several nodes[\s\S]*1111aaaa[\s\S]*1111bbbb/);
    expect(() => named("222")).to.throw(/no node is called 222/);
    expect(() => named("demo")).to.throw(/no node is called demo[\s\S]*2222cccc/);
  });
});
