/**
 * What must not suffer while clients are refused: the probes that decide over a pod's life, and the links between
 * nodes. Asks every node's /livez four times a second, and the metrics before and after for links that were lost.
 */
export interface BystanderResult {
  readonly probes: number;
  readonly probesFailed: number;
  readonly slowestProbeMs: number;
  /** Links between nodes that were lost meanwhile. */
  readonly peerDisconnects: number;
}

const PROBE_EVERY_MS = 250;
/** As a kubelet would. */
const PROBE_TIMEOUT_MS = 1_000;

export class Bystanders {
  readonly #adminUrls: readonly string[];
  readonly #disconnectsBefore: number;
  readonly #timer: NodeJS.Timeout;
  #probes = 0;
  #failed = 0;
  #slowestMs = 0;

  private constructor(adminUrls: readonly string[], disconnectsBefore: number) {
    this.#adminUrls = adminUrls;
    this.#disconnectsBefore = disconnectsBefore;
    this.#timer = setInterval(() => {
      for (const url of adminUrls) void this.#probe(url);
    }, PROBE_EVERY_MS);
  }

  static async watch(adminUrls: readonly string[]): Promise<Bystanders> {
    return new Bystanders(adminUrls, await disconnects(adminUrls));
  }

  async stop(): Promise<BystanderResult> {
    clearInterval(this.#timer);
    return {
      probes: this.#probes,
      probesFailed: this.#failed,
      slowestProbeMs: this.#slowestMs,
      peerDisconnects: (await disconnects(this.#adminUrls)) - this.#disconnectsBefore,
    };
  }

  async #probe(url: string): Promise<void> {
    const startMs = performance.now();
    this.#probes += 1;
    try {
      const answer = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      await answer.arrayBuffer();
      if (!answer.ok) this.#failed += 1;
    } catch {
      this.#failed += 1;
    }
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs);
  }
}

async function disconnects(adminUrls: readonly string[]): Promise<number> {
  const texts = await Promise.all(adminUrls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  let sum = 0;
  for (const text of texts) {
    for (const [, value] of text.matchAll(/^dynamo_peer_disconnects_total\S* (\S+)$/gm)) sum += Number(value);
  }
  return sum;
}
