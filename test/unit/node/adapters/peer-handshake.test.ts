import { expect } from "chai";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { ClusterSecret } from "../../../../node/adapters/cluster-secret.ts";
import type { NodeId } from "../../../../node/core/node-id.ts";
import { FRAME, linkFrame } from "../../../../node/core/wire/frame.ts";
import { encodeHello, type Hello } from "../../../../node/core/wire/hello.ts";
import * as exchange from "../../../../node/core/wire/hello-exchange.ts";
import {
  newNodeId,
  openSocket,
  secretOf,
  startNode,
  startPair,
  stopAll,
  until,
  type TestNode,
} from "./peer-fixture.ts";

const KEY = new Uint8Array(32).fill(7);

describe("peer handshake", () => {
  afterEach(stopAll);

  it("refuses a peer with another secret and tells it so", async () => {
    const a = await startNode();
    const b = await startNode({ secret: secretOf(8), seeds: [a.address] });
    await until("both noticed", () => refusals(a, "secret") > 0 && refusals(b, "secret") > 0);
    for (const node of [a, b]) {
      const line = node.lines.find((each) => each.fields["code"] === "secret");
      expect(line).to.include({ event: "peer_refused", level: "warn" });
      expect(line?.fields["reason"]).to.match(/^cluster secret differs/);
      expect(node.events).to.deep.equal([]);
    }
  });

  it("accepts a peer whose key is another one that this node knows too", async () => {
    const key = (id: number, retiredMs?: number) => ({ id, bytes: new Uint8Array(16).fill(id), retiredMs });
    const old = new ClusterSecret([key(1)], () => Date.now());
    const rotated = new ClusterSecret([key(2), key(1, Date.now())], () => Date.now());
    const a = await startNode({ secret: new ClusterSecret([key(1), key(2)], () => Date.now()) });
    const b = await startNode({ secret: rotated, seeds: [a.address] });
    await until("they met", () => a.transport.isConnected(b.id));
    const c = await startNode({ secret: old, seeds: [b.address] });
    await until("c saw that b proves itself with an unknown key", () => refusals(c, "secret") > 0);
  });

  it("refuses a peer of another cluster and tells it so, but takes one that is in none", async () => {
    const a = await startNode({ clusterId: () => "cluster-one" });
    const b = await startNode({ clusterId: () => "cluster-two", seeds: [a.address] });
    await until("b was told", () => refusals(b, "cluster") > 0);
    expect(b.lines[0]?.fields).to.include({
      reason: "other cluster: this node is of cluster-one, you are of cluster-two",
      endedBy: "the other side",
    });
    const c = await startNode({ seeds: [a.address] });
    await until("c met a", () => c.transport.isConnected(a.id));
  });

  it("parts from a peer that joins another cluster while they are connected", async () => {
    let cluster = "";
    const a = await startNode({ clusterId: () => "cluster-one" });
    const b = await startNode({ clusterId: () => cluster, seeds: [a.address] });
    await until("they met", () => a.transport.isConnected(b.id));
    cluster = "cluster-two";
    await until("they parted", () => !a.transport.isConnected(b.id) && !b.transport.isConnected(a.id));
    expect(a.lines.map((line) => line.event)).to.include("peer_cluster_differed");
  });

  it("refuses a protocol that it does not speak, saying which it does", async () => {
    const node = await startNode();
    const { socket, received } = await openSocket(node.transport.listening);
    socket.write(exchange.helloMessage(encodeHello({ ...hello(), protocolMin: 7, protocolMax: 9 })));
    await once(socket, "close");
    expect(parse(received())).to.deep.equal([
      {
        kind: "refusal",
        refusal: {
          code: "protocol",
          reason: "no common protocol: this node speaks 1–2, you speak 7–9: this node has to be upgraded",
        },
      },
    ]);
  });

  it("speaks to releases of version 1 until the ring has changed, and then tells them what to do", async () => {
    let isRingLater = false;
    const node = await startNode({ isRingLater: () => isRingLater });
    const old = encodeHello({ ...hello(), protocolMin: 1, protocolMax: 1 });
    const before = await openSocket(node.transport.listening);
    before.socket.write(exchange.helloMessage(old));
    await until("it is answered", () => parse(before.received()).length > 0);
    expect(parse(before.received())[0]).to.have.property("kind", "hello");
    before.socket.destroy();
    isRingLater = true;
    const { socket, received } = await openSocket(node.transport.listening);
    socket.write(exchange.helloMessage(old));
    await once(socket, "close");
    expect(parse(received())).to.deep.equal([
      {
        kind: "refusal",
        refusal: {
          code: "protocol",
          reason: "no common protocol: this node speaks 2, you speak 1: upgrade your node",
        },
      },
    ]);
  });

  it("refuses a second live process with a known identity and raises an alarm", async () => {
    const [a, b] = await startPair();
    const twin = await startNode({ self: b.id, seeds: [a.address] });
    await until("the alarm", () => a.lines.some((line) => line.event === "peer_identity_duplicated"));
    await until("the twin was told", () => refusals(twin, "duplicate_identity") > 0);
    expect(a.lines.find((line) => line.event === "peer_identity_duplicated")?.level).to.equal("error");
    expect(twin.lines.find((line) => line.fields["code"] === "duplicate_identity")?.level).to.equal("error");
    expect(twin.events).to.deep.equal([]);
    expect(a.transport.send(b.id, Uint8Array.of(5), "foreground")).to.equal(true);
    await until("the older one is still served", () => b.messages.length > 0);
  });

  it("gives a restarted process the place of one that died without a word, and raises no alarm", async () => {
    const a = await startNode({ limits: { silenceMs: 60_000 } });
    const id = newNodeId();
    const { dead } = await shakeByHand(a, id, "before");
    await until("the first life is in", () => a.transport.isConnected(id));
    dead.pause();
    const b = await startNode({ self: id, seeds: [a.address] });
    await until("the second life is in", () => b.transport.isConnected(a.id));
    expect(a.lines.map((line) => line.event)).not.to.include("peer_identity_duplicated");
  });

  it("closes on garbage at the first wrong byte and answers nothing", async () => {
    const node = await startNode();
    for (const garbage of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01", "\xdb\x44X", "\0"]) {
      const { socket, received } = await openSocket(node.transport.listening);
      socket.write(Buffer.from(garbage, "latin1"));
      await once(socket, "close");
      expect(received()).to.have.length(0);
    }
    expect(refusals(node, "garbage")).to.equal(4);
  });

  it("refuses a malformed hello and says what is wrong with it", async () => {
    const node = await startNode();
    const { socket, received } = await openSocket(node.transport.listening);
    socket.write(exchange.helloMessage(encodeHello({ ...hello(), nonce: new Uint8Array(8) })));
    await once(socket, "close");
    expect(parse(received())).to.deep.equal([
      { kind: "refusal", refusal: { code: "malformed", reason: "nonce of 8 bytes" } },
    ]);
  });

  it("closes a connection that says its hello too slowly", async () => {
    const node = await startNode({ limits: { handshakeMs: 200 } });
    const { socket } = await openSocket(node.transport.listening);
    const bytes = exchange.helloMessage(encodeHello(hello()));
    let sent = 0;
    const drip = setInterval(() => socket.write(bytes.subarray(sent, ++sent)), 20);
    await once(socket, "close");
    clearInterval(drip);
    expect(sent).to.be.lessThan(bytes.length);
    expect(refusals(node, "timeout")).to.equal(1);
  });

  it("makes room for new connections by dropping the oldest that has not proven itself", async () => {
    const node = await startNode({ limits: { handshakesMax: 3, handshakeMs: 60_000 } });
    const first = await openSocket(node.transport.listening);
    for (let i = 0; i < 3; i++) await openSocket(node.transport.listening);
    await once(first.socket, "close");
    const peer = await startNode({ seeds: [node.address] });
    await until("a peer gets in nevertheless", () => peer.transport.isConnected(node.id));
  });

  it("does not accept a proof that is replayed from another connection", async () => {
    const node = await startNode();
    const { proof } = await shakeByHand(node, newNodeId(), "first");
    const { socket, received } = await openSocket(node.transport.listening);
    socket.write(exchange.helloMessage(encodeHello(hello())));
    await until("its hello", () => parse(received()).length === 2);
    socket.write(proof);
    await until("the refusal", () => parse(received()).length === 3);
    expect(parse(received())[2]).to.nested.include({ "refusal.code": "secret" });
  });

  it("does not accept its own proof reflected", async () => {
    const node = await startNode();
    const { socket, received } = await openSocket(node.transport.listening);
    socket.write(exchange.helloMessage(encodeHello(hello())));
    await until("its hello", () => parse(received()).length === 2);
    const proof = parse(received())[1];
    if (proof?.kind !== "proof") throw new Error("no proof");
    socket.write(exchange.proofMessage(proof.keyId, proof.mac));
    await until("the refusal", () => parse(received()).length === 3);
    expect(parse(received())[2]).to.nested.include({ "refusal.code": "secret" });
  });

  it("closes a connection on which the peer falls silent", async () => {
    const node = await startNode();
    const id = newNodeId();
    await shakeByHand(node, id, "silent");
    await until("it is in", () => node.transport.isConnected(id));
    await until("it is out", () => !node.transport.isConnected(id));
    const line = node.lines.find((each) => each.event === "peer_disconnected");
    expect(line?.fields["reason"]).to.equal("no byte from the peer for 600 ms");
  });

  it("keeps a connection on which the peer only answers pings", async () => {
    const [a, b] = await startPair();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(a.events.concat(b.events).map((event) => event.kind)).to.deep.equal(["connected", "connected"]);
  });

  for (const [what, bytes, reason] of [
    ["an empty frame", Buffer.from("02000000", "hex"), "empty frame"],
    ["an oversize frame", Buffer.from("02010001", "hex"), "frame of 65537 bytes"],
    ["a frame type from nowhere", Buffer.from("7f00000100", "hex"), "unknown frame type 0x7f"],
    ["too large a message", Buffer.from("12000009000000011fffffff00", "hex"), "exceeds the limit"],
  ] as const) {
    it(`closes on ${what} and tells the peer why`, async () => {
      const node = await startNode();
      const id = newNodeId();
      const { dead, received } = await shakeByHand(node, id, "broken");
      dead.write(bytes);
      await once(dead, "close");
      expect(received().toString("latin1")).to.contain(reason);
      expect(node.transport.isConnected(id)).to.equal(false);
    });
  }

  it("closes when the peer says that it closes", async () => {
    const node = await startNode();
    const id = newNodeId();
    const { dead } = await shakeByHand(node, id, "leaving");
    dead.write(linkFrame(FRAME.closing, new TextEncoder().encode("bye")));
    await until("it is out", () => !node.transport.isConnected(id));
    const line = node.lines.find((each) => each.event === "peer_disconnected");
    expect(line?.fields["reason"]).to.equal("the peer closed: bye");
  });
});

function refusals(node: TestNode, code: string): number {
  return node.transport.counters().handshakesFailed.get(code) ?? 0;
}

function hello(nodeId: NodeId = newNodeId(), incarnation = "by-hand"): Hello {
  return {
    protocolMin: 1,
    protocolMax: 1,
    features: 0,
    clusterId: "",
    nodeId,
    incarnation,
    zone: "",
    address: "",
    clientAddress: "",
    version: "",
    authMethod: "hmac-sha256",
    nonce: new Uint8Array(16).fill(3),
    lane: "foreground",
    messageBytesMax: 1_000_000,
  };
}

function parse(bytes: Uint8Array): exchange.HandshakeMessage[] {
  const reader = new exchange.HandshakeReader();
  reader.push(bytes);
  const messages: exchange.HandshakeMessage[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
  return messages;
}

/** Dials a node from a bare socket, with the right secret: what follows on the socket is up to the test. */
async function shakeByHand(node: TestNode, nodeId: NodeId, incarnation: string) {
  const { socket, received } = await openSocket(node.transport.listening);
  const mine = encodeHello(hello(nodeId, incarnation));
  socket.write(exchange.helloMessage(mine));
  await until("its hello and proof", () => parse(received()).length === 2);
  const theirs = parse(received())[0];
  if (theirs?.kind !== "hello") throw new Error("no hello");
  const mac = createHmac("sha256", KEY)
    .update(exchange.proofInput("dialer", mine, theirs.body))
    .digest();
  const proof = exchange.proofMessage(1, mac);
  socket.write(proof);
  await until("it is accepted", () => node.transport.isConnected(nodeId));
  const dead: Socket = socket;
  return { dead, received, proof };
}
