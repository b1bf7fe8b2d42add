import { once } from "node:events";
import type { Server } from "node:http";
import net, { type AddressInfo, type Socket } from "node:net";

export interface HostPort {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Binds and resolves with the port that was really taken. Rejects with the system's error (EADDRINUSE, …). */
export async function listen(server: Server, { host, port }: HostPort): Promise<HostPort> {
  server.listen({ host, port });
  await once(server, "listening");
  return { host, port: (server.address() as AddressInfo).port };
}

/** The server's open connections, kept up to date. Call it before `listen`. */
export function trackConnections(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  return connections;
}

/**
 * Stops accepting, lets requests under way finish and their answers leave, closes idle connections, and after
 * `graceMs` the rest. Resolves when every connection is closed. `copies`: see listener-copies.ts.
 */
export async function closeGracefully(
  server: Server,
  connections: ReadonlySet<Socket>,
  graceMs: number,
  copies: readonly net.Server[] = [],
): Promise<void> {
  if (!server.listening) return;
  const closed = Promise.all([server, ...copies].map((listener) => once(listener, "close")));
  // http.Server's own close would at once cut connections whose answer is still on its way out: see closeIdle.
  for (const listener of [server, ...copies]) net.Server.prototype.close.call(listener);
  const sweep = setInterval(() => closeIdle(server, connections), IDLE_SWEEP_MS);
  const force = setTimeout(() => server.closeAllConnections(), graceMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(force);
    // Ends the timer with which http.Server looks after its connections; that it is closed already is no news.
    server.close(() => undefined);
  }
}

/**
 * Node takes a connection for idle as soon as its answer is handed over, and would cut one that a slow reader has not
 * taken yet. So nothing is closed while any has bytes to send: until then the shutdown could not end anyway. And it
 * takes a connection that has never sent a byte for one with a request under way.
 */
function closeIdle(server: Server, connections: ReadonlySet<Socket>): void {
  for (const socket of connections) if (socket.writableLength > 0) return;
  server.closeIdleConnections();
  for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
}

const IDLE_SWEEP_MS = 20;
