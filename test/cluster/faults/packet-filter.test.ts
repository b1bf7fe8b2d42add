import { connect, createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { between, PacketFilter } from "./packet-filter.ts";

const [A, B, C] = ["127.0.2.1", "127.0.2.2", "127.0.2.3"] as const;
const PORT = 6_500;
const SILENCE_MS = 300;

describe("cluster: the packet filter", () => {
  const filter = new PacketFilter([A, B, C]);
  let server: Server;
  let inbound: Socket[];

  before(async () => {
    await filter.open();
    server = createServer((socket) => inbound.push(socket.on("error", () => undefined)));
    await new Promise<void>((resolve) => server.listen(PORT, B, resolve));
  });
  beforeEach(() => (inbound = []));
  afterEach(() => filter.heal());
  after(async () => {
    await filter.close();
    server.close();
  });

  function dial(from: string): Promise<"open" | "silent" | "refused"> {
    return new Promise((resolve) => {
      const socket = connect({ host: B, port: PORT, localAddress: from });
      const end = (seen: "open" | "silent" | "refused"): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(seen);
      };
      const timer = setTimeout(() => end("silent"), SILENCE_MS);
      socket.once("connect", () => end("open")).once("error", () => end("refused"));
    });
  }

  it("cuts the named pair and no other, silently or with a reset, and heals", async () => {
    expect(await dial(A)).to.equal("open");
    await filter.cut(between([A], [B]), "drop");
    expect([await dial(A), await dial(C)]).to.deep.equal(["silent", "open"]);
    await filter.cut(between([A], [B]), "reject");
    expect([await dial(A), await dial(C)]).to.deep.equal(["refused", "open"]);
    await filter.heal();
    expect(await dial(A)).to.equal("open");
  });

  it("cuts one direction of an open connection, which goes on when it heals", async () => {
    const socket = connect({ host: B, port: PORT, localAddress: A });
    const received: string[] = [];
    socket.on("data", (bytes: Buffer) => received.push(bytes.toString()));
    await new Promise((resolve) => socket.once("connect", resolve));
    while (inbound.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await filter.cut([{ from: [B], to: [A] }], "drop");
    inbound[0]!.write("late");
    const arrived = new Promise<string>((resolve) =>
      inbound[0]!.once("data", (bytes) => resolve(String(bytes))),
    );
    socket.write("in time");
    expect(await arrived).to.equal("in time");
    expect(received).to.deep.equal([]);
    await filter.heal();
    while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(received.join("")).to.equal("late");
    socket.destroy();
  });

  it("says so where a cut does not show", async () => {
    const blind = new PacketFilter([A, B]);
    // Nobody listens for its probes: what it takes for an open way is refused.
    await filter.close();
    const failure = await blind.cut([], "drop").then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(failure).to.match(/127\.0\.2\.1 to 127\.0\.2\.2 is refused instead of open/);
    await filter.open();
  });
});
