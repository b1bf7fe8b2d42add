import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ClusterSecret } from "../../../../node/adapters/cluster-secret.ts";
import { formatPeerAddress, type PeerAddress } from "../../../../node/adapters/peer-address.ts";
import {
  startPeerTransport,
  type PeerTransport,
  type PeerTransportOptions,
} from "../../../../node/adapters/peer-transport.ts";
import { parseNodeId, type NodeId } from "../../../../node/core/node-id.ts";
import type { Lane, PeerEvent } from "../../../../node/core/ports/transport.ts";

/** Real transports on loopback, stopped after each test, and what they said. */
export interface TestNode {
  readonly id: NodeId;
  readonly transport: PeerTransport;
  readonly address: string;
  readonly events: PeerEvent[];
  readonly messages: { from: NodeId; bytes: Uint8Array; lane: Lane }[];
  readonly lines: { event: string; fields: Record<string, unknown>; level: string }[];
}

const running: PeerTransport[] = [];
const sockets: Socket[] = [];

export function secretOf(fill: number, id = 1): ClusterSecret {
  return new ClusterSecret([{ id, bytes: new Uint8Array(32).fill(fill), retiredMs: undefined }], () =>
    Date.now(),
  );
}

/** Faster than a deployment: faults are noticed within a second. */
export const QUICK = {
  pingIntervalMs: 100,
  silenceMs: 600,
  backoffMsMin: 20,
  backoffMsMax: 200,
  handshakeMs: 500,
};

export async function startNode(options: Partial<PeerTransportOptions> = {}): Promise<TestNode> {
  const id = options.self ?? newNodeId();
  const lines: TestNode["lines"] = [];
  const transport = await startPeerTransport({
    self: id,
    incarnation: randomBytes(8).toString("hex"),
    zone: "zone-a",
    version: "0.0.0-test",
    listen: { host: "127.0.0.1", port: 0 },
    seeds: [],
    secret: secretOf(7),
    clusterId: () => "",
    isRingLater: () => false,
    log: (event, fields, level) => lines.push({ event, fields, level }),
    ...options,
    limits: { ...QUICK, ...options.limits },
  });
  running.push(transport);
  const events: PeerEvent[] = [];
  const messages: TestNode["messages"] = [];
  transport.onPeer((event) => events.push(event));
  transport.onMessage((from, bytes, lane) => messages.push({ from, bytes, lane }));
  return { id, transport, address: formatPeerAddress(transport.listening), events, messages, lines };
}

export function newNodeId(): NodeId {
  return parseNodeId(randomUUID());
}

/** Two ids, the lower one first. */
export function twoNodeIds(): [NodeId, NodeId] {
  const [a, b] = [newNodeId(), newNodeId()];
  return a < b ? [a, b] : [b, a];
}

export async function startPair(options: Partial<PeerTransportOptions> = {}): Promise<[TestNode, TestNode]> {
  const first = await startNode(options);
  const second = await startNode({ ...options, seeds: [first.address] });
  await openBulk(first, second);
  await openBulk(second, first);
  return [first, second];
}

/** Waits until a message got through; leaves no trace of it. */
async function openBulk(from: TestNode, to: TestNode): Promise<void> {
  await until("bulk is open", () => from.transport.send(to.id, Uint8Array.of(0), "bulk"));
  await until("the probe arrived", () => to.messages.length > 0);
  to.messages.length = 0;
}

/** Polls; rejects after `timeoutMs` with what it waited for. */
export async function until(what: string, holds: () => boolean, timeoutMs = 8_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function openSocket(address: PeerAddress): Promise<{ socket: Socket; received: () => Buffer }> {
  const socket = connect({ host: address.host, port: address.port, noDelay: true });
  sockets.push(socket);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, received: () => Buffer.concat(chunks) };
}

export async function stopAll(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((transport) => transport.close()));
}
