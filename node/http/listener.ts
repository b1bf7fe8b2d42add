import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

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

/**
 * Stops accepting, lets requests under way finish, closes each connection as it becomes idle, and after `graceMs`
 * the rest. Resolves when every connection is closed.
 */
export async function closeGracefully(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
  const force = setTimeout(() => server.closeAllConnections(), graceMs);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
    clearTimeout(force);
  }
}

const IDLE_SWEEP_MS = 20;
