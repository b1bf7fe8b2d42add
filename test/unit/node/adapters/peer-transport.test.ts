import { expect } from "chai";
import { connect, createServer, type Socket } from "node:net";
import { newNodeId, openSocket, startNode, startPair, stopAll, twoNodeIds, until } from "./peer-fixture.ts";

describe("peer transport", () => {
  afterEach(stopAll);

  it("carries messages both ways on every lane, in order within a lane", async () => {
    const [a, b] = await startPair();
    for (let i = 0; i < 1_000; i++)
      expect(a.transport.send(b.id, Uint8Array.of(i >> 8, i), "foreground")).to.equal(true);
    expect(a.transport.send(b.id, Uint8Array.of(9), "control")).to.equal(true);
    expect(b.transport.send(a.id, Uint8Array.of(8), "bulk")).to.equal(true);
    await until(
      "all arrived",
      () => b.messages.length >= 1_001 && a.messages.some((each) => each.bytes[0] === 8),
    );
    const requests = b.messages.filter((each) => each.lane === "foreground");
    expect(requests.map(({ bytes }) => bytes[0]! * 256 + bytes[1]!)).to.deep.equal([...Array(1_000).keys()]);
    expect(b.messages[0]).to.deep.equal({ from: a.id, bytes: Uint8Array.of(9), lane: "control" });
  });

  it("tells each side once that the other is connected, and describes it", async () => {
    const [a, b] = await startPair({ zone: "zone-b", version: "1.2.3", clientAddress: "10.0.0.1:8081" });
    expect(a.events).to.deep.equal([{ kind: "connected", peer: b.id }]);
    expect(b.events).to.deep.equal([{ kind: "connected", peer: a.id }]);
    expect(a.transport.peers()).to.deep.equal([
      {
        id: b.id,
        address: b.address,
        clientAddress: "10.0.0.1:8081",
        zone: "zone-b",
        version: "1.2.3",
        connected: true,
      },
    ]);
  });

  it("sends a small message and control traffic past a 20 MiB message that was sent first", async () => {
    const [a, b] = await startPair();
    const large = new Uint8Array(20 * 1024 * 1024);
    for (let i = 0; i < large.length; i += 4_096) large[i] = i / 4_096;
    expect(a.transport.send(b.id, large, "foreground")).to.equal(true);
    expect(a.transport.send(b.id, Uint8Array.of(1), "foreground")).to.equal(true);
    await until("the small message", () => b.messages.length > 0);
    expect(a.transport.send(b.id, Uint8Array.of(2), "control")).to.equal(true);
    await until("all three", () => b.messages.length === 3);
    expect(b.messages.map((each) => each.bytes.length)).to.deep.equal([1, 1, large.length]);
    expect(Buffer.compare(b.messages[2]!.bytes, large)).to.equal(0);
  });

  it("keeps one connection a lane when both nodes dial at once", async () => {
    for (let round = 0; round < 10; round++) {
      const [low, high] = twoNodeIds();
      const [portA, portB] = await freePorts();
      const a = startNode({
        self: low,
        listen: { host: "127.0.0.1", port: portA! },
        seeds: [`127.0.0.1:${portB}`],
      });
      const b = startNode({
        self: high,
        listen: { host: "127.0.0.1", port: portB! },
        seeds: [`127.0.0.1:${portA}`],
      });
      const nodes = await Promise.all([a, b]);
      const [first, second] = nodes;
      await until(
        "both are connected",
        () => first.transport.isConnected(high) && second.transport.isConnected(low),
      );
      await until("bulk is open", () => first.transport.send(high, Uint8Array.of(1), "bulk"));
      for (const node of nodes) expect(node.events.map((event) => event.kind)).to.deep.equal(["connected"]);
      await stopAll();
    }
  });

  it("drops an address that leads back to itself, and says nothing worse", async () => {
    const [port] = await freePorts();
    const node = await startNode({
      listen: { host: "127.0.0.1", port: port! },
      seeds: [`127.0.0.1:${port}`],
    });
    await until("it met itself", () => (node.transport.counters().handshakesFailed.get("self") ?? 0) >= 2);
    expect(node.transport.peers()).to.deep.equal([]);
    expect(node.lines.filter((line) => line.level === "warn" || line.level === "error")).to.deep.equal([]);
  });

  it("finds a peer again after its process was killed and started on another port", async () => {
    const [a, b] = await startPair();
    await b.transport.close();
    await until("the loss is noticed", () => !a.transport.isConnected(b.id));
    expect(a.transport.send(b.id, Uint8Array.of(1), "foreground")).to.equal(false);
    const again = await startNode({ self: b.id, seeds: [a.address] });
    await until("it is back", () => a.transport.isConnected(b.id));
    expect(again.address).not.to.equal(b.address);
    expect(a.transport.peers()).to.have.length(1);
    expect(a.transport.peers()[0]!.address).to.equal(again.address);
    expect(a.events.map((event) => event.kind)).to.deep.equal(["connected", "disconnected", "connected"]);
  });

  it("dials a peer back at the address that its inbound hello gave", async () => {
    const [a, b] = await startPair();
    const port = Number(b.address.split(":")[1]);
    await b.transport.close();
    await until("a lost b", () => !a.transport.isConnected(b.id));
    // Neither has the other as a seed now.
    await startNode({ self: b.id, listen: { host: "127.0.0.1", port } });
    await until("a dialled b", () => a.transport.isConnected(b.id));
  });

  it("dials an address that it was told, and refuses to learn what is none", async () => {
    const [a, b] = [await startNode(), await startNode()];
    expect(a.transport.learnAddress(b.id, "0.0.0.0:7081")).to.equal(false);
    expect(a.transport.learnAddress(b.id, "nowhere")).to.equal(false);
    expect(a.transport.learnAddress(b.id, b.address)).to.equal(true);
    await until("they met", () => a.transport.isConnected(b.id) && b.transport.isConnected(a.id));
  });

  it("forgets where a peer was said to be once it is said to be elsewhere", async () => {
    const visitors = new Set<string>();
    const server = createServer((socket) => {
      visitors.add("former address");
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const [a, b] = [await startNode(), await startNode()];
    a.transport.learn(b.id, `127.0.0.1:${port}`);
    await until("it dialled", () => visitors.size === 1);
    a.transport.learn(b.id, "nowhere");
    a.transport.learn(b.id, b.address);
    await until("they met", () => a.transport.isConnected(b.id));
    await b.transport.close();
    await until("a lost b", () => !a.transport.isConnected(b.id));
    visitors.clear();
    // Longer than the longest pause between two attempts.
    await new Promise((resolve) => setTimeout(resolve, 500));
    server.close();
    expect([...visitors]).to.deep.equal([]);
  });

  it("dials from the host that it listens on", async () => {
    let from: string | undefined;
    const server = createServer((socket) => {
      from = socket.remoteAddress;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await startNode({ listen: { host: "127.0.0.3", port: 0 }, seeds: [`127.0.0.1:${port}`] });
    await until("it dialled", () => from !== undefined);
    server.close();
    expect(from).to.equal("127.0.0.3");
  });

  it("finds the nodes behind a seed that is a name", async () => {
    const a = await startNode();
    const b = await startNode({ seeds: [a.address.replace("127.0.0.1", "localhost")] });
    await until("the name led to a", () => b.transport.isConnected(a.id));
  });

  it("refuses seeds that are not host:port, all at once", async () => {
    const failure = await startNode({ seeds: ["a", "127.0.0.1:1", "b:70000"] }).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).to.contain('"a", "b:70000"');
  });

  it("answers false to a send when the window is full, and its memory stays bounded", async () => {
    const [a, b, link] = await startBehindValve();
    link.pause();
    const message = new Uint8Array(1_024);
    let taken = 0;
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 1_000; j++) if (a.transport.send(b.id, message.slice(), "foreground")) taken++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const counters = a.transport.counters().peers[0]!;
    expect(taken).to.be.lessThan(60_000);
    expect(counters.refusedWindowFull).to.equal(100_000 - taken);
    expect(counters.queuedBytes).to.be.lessThan(17 * 1024 * 1024);
    link.resume();
    await until("all that was taken arrived", () => b.messages.length >= taken);
    expect(a.transport.send(b.id, message, "foreground")).to.equal(true);
    expect(a.transport.counters().peers[0]!.queuedBytes).to.be.lessThan(2_048);
  });

  it("refuses to send where the peer is not connected or takes no message of that length", async () => {
    const a = await startNode();
    expect(a.transport.send(newNodeId(), Uint8Array.of(1), "foreground")).to.equal(false);
    const b = await startNode({ seeds: [a.address], limits: { messageBytesMax: 100_000 } });
    await until("they met", () => a.transport.isConnected(b.id));
    expect(a.transport.send(b.id, new Uint8Array(100_001), "foreground")).to.equal(false);
    expect(a.transport.send(b.id, new Uint8Array(100_000), "foreground")).to.equal(true);
    await until("the longest arrived", () => b.messages.some((each) => each.bytes.length === 100_000));
  });

  it("measures the round trip of pings", async () => {
    const [a] = await startPair();
    await until("a ping came back", () => a.transport.counters().peers[0]!.pingMs !== undefined);
    expect(a.transport.counters().peers[0]!.pingMs).to.be.within(0, 500);
  });

  it("frees its port when it is closed, also with strangers connected", async () => {
    const node = await startNode();
    await openSocket(node.transport.listening);
    await node.transport.close();
    const again = await startNode({ listen: node.transport.listening });
    expect(again.address).to.equal(node.address);
  });
});

/** Ports that were free a moment ago. */
async function freePorts(): Promise<number[]> {
  const servers = await Promise.all(
    [0, 1].map(async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** a dials b through a relay whose traffic from a to b can be held up. */
async function startBehindValve() {
  const limits = { silenceMs: 60_000 };
  const b = await startNode({ limits });
  const upstream: Socket[] = [];
  const relay = createServer((inner) => {
    const outer = connect(b.transport.listening);
    upstream.push(inner);
    inner.pipe(outer).pipe(inner);
    for (const socket of [inner, outer]) socket.on("error", () => socket.destroy());
    inner.on("close", () => outer.destroy());
    outer.on("close", () => inner.destroy());
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const { port } = relay.address() as { port: number };
  const a = await startNode({ seeds: [`127.0.0.1:${port}`], limits });
  await until("they met", () => a.transport.isConnected(b.id));
  relay.close();
  const valve = {
    pause: () => upstream.forEach((socket) => socket.pause()),
    resume: () => upstream.forEach((socket) => socket.resume()),
  };
  return [a, b, valve] as const;
}
