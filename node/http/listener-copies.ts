import { fork, type Serializable } from "node:child_process";
import net, { type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

/**
 * More handles on the one listening socket of a server, so that it takes in more than one connection a turn.
 * Why: Node (libuv since 1.45) accepts one connection a turn of the event loop from each handle. A turn takes 20 ms
 * and more on a busy node, which then takes in 50 connections a second; clients give up while they wait unseen, come
 * again on new connections, and the kernel's queue fills with dead ones. That outlasts the overload that began it.
 * How: a short-lived process sends the handle back. The port stays taken by this process alone, which SO_REUSEPORT
 * would not ensure.
 */
const COPIER = fileURLToPath(new URL("./listener-copier.js", import.meta.url));
const TIMEOUT_MS = 10_000;

export interface ListenerCopies {
  readonly copies: number;
  /** The server's open connections, those of the copies among them; see trackConnections. */
  readonly connections: ReadonlySet<Socket>;
  readonly connectionsMax: number;
}

/** Their connections become the server's own. Resolves with fewer than asked for where no process can be started. */
export function copyListener(server: Server, options: ListenerCopies): Promise<readonly Server[]> {
  return new Promise((resolve) => {
    const listeners: Server[] = [];
    const adopt = adoption(server, options);
    const child = fork(COPIER, { stdio: "ignore", execArgv: [], env: {} });
    const finish = (): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      child.on("error", () => child.kill("SIGKILL"));
      if (child.connected) child.disconnect();
      resolve(listeners);
    };
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      finish();
    }, TIMEOUT_MS);
    child.on("message", (_: Serializable, handle: unknown) => {
      const listener = net.createServer({ allowHalfOpen: true, noDelay: true }, adopt);
      listener.listen(handle);
      listeners.push(listener);
      if (listeners.length === options.copies) finish();
    });
    child.once("error", finish);
    child.once("exit", finish);
    const send = child.send.bind(child) as (message: Serializable, handle: unknown) => boolean;
    send(options.copies, (server as unknown as { _handle: unknown })._handle);
  });
}

/** Node bounds the connections that each listener accepted itself: the server's bound leaves room for the others'. */
function adoption(server: Server, { connections, connectionsMax }: ListenerCopies): (socket: Socket) => void {
  let adopted = 0;
  const count = (difference: number): void => {
    adopted += difference;
    server.maxConnections = Math.max(1, connectionsMax - adopted);
  };
  return (socket) => {
    if (connections.size >= connectionsMax) {
      socket.destroy();
      server.emit("drop");
      return;
    }
    count(1);
    socket.once("close", () => count(-1));
    server.emit("connection", socket);
  };
}
