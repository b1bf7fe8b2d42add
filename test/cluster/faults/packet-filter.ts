import { spawn } from "node:child_process";
import { createServer, connect, type Server } from "node:net";
import { assertPrivateNetwork } from "../../private-network.ts";

/**
 * Netsplits between nodes that each have an address of their own (127.0.1.i): nftables rules in the test's private
 * network. A cut is one direction; two make a whole netsplit. Packets are met where they arrive, as in a network: a
 * drop is silence, a reject answers with a reset. Open connections are met like new ones.
 *
 * Invariant: a cut is believed only after a probe saw it: connections from each address to each other one are tried,
 * and must be refused or silent exactly where the rules say so.
 */
export interface Cut {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

export type Manner = "drop" | "reject";

const PROBE_PORT = 6_999;
/** Loopback answers in well under a millisecond; a busy machine needs the rest. */
const PROBE_MS = 400;
const OPEN_PROBE_MS = 5_000;
const RESET_TABLE = "table ip faults\ndelete table ip faults\n";

export class PacketFilter {
  readonly #hosts: readonly string[];
  readonly #servers: Server[] = [];

  /** @param hosts the nodes' addresses */
  constructor(hosts: readonly string[]) {
    this.#hosts = hosts;
  }

  /** Starts what the probes connect to: the nodes themselves may be dead or frozen. */
  async open(): Promise<void> {
    assertPrivateNetwork();
    for (const host of this.#hosts) {
      const server = createServer((socket) => socket.on("error", () => undefined).end());
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(PROBE_PORT, host, () => resolve());
      });
      this.#servers.push(server.unref());
    }
  }

  /** Replaces all cuts by these. Throws where they do not show. */
  async cut(cuts: readonly Cut[], manner: Manner): Promise<void> {
    const verdict = manner === "drop" ? "drop" : "reject with tcp reset";
    const rules = cuts.map(
      ({ from, to }) =>
        `ip protocol tcp ip saddr { ${from.join(", ")} } ip daddr { ${to.join(", ")} } ${verdict}\n`,
    );
    // The resets that reject makes must get through where both directions are cut.
    const first = manner === "reject" ? "tcp flags & rst == rst accept\n" : "";
    const chain = `chain arriving {\ntype filter hook input priority 0; policy accept;\n${first}${rules.join("")}}\n`;
    await runNft(`${RESET_TABLE}table ip faults {\n${chain}}\n`);
    await this.#assertCut(cuts, manner);
  }

  /** Removes all cuts. Throws where an address stays cut off. */
  async heal(): Promise<void> {
    await runNft(RESET_TABLE);
    await this.#assertCut([], "drop");
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    await runNft(RESET_TABLE);
  }

  /** A handshake needs both directions, so a cut of one of them is seen from both ends: silent or reset. */
  async #assertCut(cuts: readonly Cut[], manner: Manner): Promise<void> {
    const isCut = (from: string, to: string): boolean =>
      cuts.some((cut) => cut.from.includes(from) && cut.to.includes(to));
    const pairs = this.#hosts.flatMap((from) =>
      this.#hosts.filter((to) => to !== from).map((to) => ({ from, to })),
    );
    const wrong = await Promise.all(
      pairs.map(async ({ from, to }) => {
        const blocked = isCut(from, to) || isCut(to, from);
        const seen = await probe(from, to, blocked ? PROBE_MS : OPEN_PROBE_MS);
        // Where only the answer's way is cut, the reject goes to the listener and the caller waits on.
        const expected = !blocked ? "open" : manner === "reject" && isCut(from, to) ? "refused" : "silent";
        return seen === expected ? [] : [`${from} to ${to} is ${seen} instead of ${expected}`];
      }),
    );
    if (wrong.flat().length > 0)
      throw new Error(`the packet filter does not cut as told: ${wrong.flat().join("; ")}`);
  }
}

function probe(from: string, to: string, boundMs: number): Promise<"open" | "silent" | "refused"> {
  return new Promise((resolve) => {
    const socket = connect({ host: to, port: PROBE_PORT, localAddress: from });
    const end = (seen: "open" | "silent" | "refused"): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(seen);
    };
    const timer = setTimeout(() => end("silent"), boundMs);
    socket.once("connect", () => end("open")).once("error", () => end("refused"));
  });
}

async function runNft(script: string): Promise<void> {
  assertPrivateNetwork();
  const child = spawn("nft", ["-f", "-"], { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  child.stdin.end(script);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  if (code !== 0) throw new Error(`nft refused (code ${code}): ${said.trim()}\n${script}`);
}

/** Both directions between two groups. */
export function between(left: readonly string[], right: readonly string[]): Cut[] {
  return [
    { from: left, to: right },
    { from: right, to: left },
  ];
}
