import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import net from "node:net";

/** Is a port free, and if not, who has it? The answer saves a person the search. */
export async function isPortFree(address: string): Promise<boolean> {
  const { host, port } = hostAndPort(address);
  const server = net.createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `process 123 (nginx)`, or "another process" where the system does not tell (not Linux, or another user's). */
export function portHolder(address: string): string {
  const unknown = "another process";
  try {
    const inode = listenerInode(hostAndPort(address).port);
    const pid = inode === undefined ? undefined : processWithSocket(inode);
    if (pid === undefined) return unknown;
    return `process ${pid} (${readFileSync(`/proc/${pid}/comm`, "utf8").trim()})`;
  } catch {
    return unknown;
  }
}

function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

/** Columns of /proc/net/tcp: sl, local address, remote address, state (0A: listening), …, inode (the tenth). */
function listenerInode(port: number): string | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readFileSync(file, "utf8").split("\n").slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (columns[1]?.endsWith(`:${hexPort}`) === true && columns[3] === "0A") return columns[9];
    }
  }
  return undefined;
}

function processWithSocket(inode: string): string | undefined {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .find((pid) => {
      try {
        const descriptors = readdirSync(`/proc/${pid}/fd`);
        return descriptors.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`);
      } catch {
        return false; // It ended, or is another user's.
      }
    });
}
