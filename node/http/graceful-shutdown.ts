/**
 * Leaving without an error for anybody: say "not ready", go on serving while load balancers and peers take notice,
 * then stop accepting, finish what is under way, and only then close what the requests need. The order is the
 * point: a node that closes its port first drops the requests that were already on their way to it.
 */
export interface ShutdownSteps {
  /** From now on readiness says "draining". */
  readonly becomeUnready: () => void;
  /** How long to go on serving. */
  readonly serveMs: number;
  /** Stop accepting, finish requests under way; bounded by its own grace time. */
  readonly stopClients: () => Promise<void>;
  /** Peers, storage, ring, in the order they must go. Admin comes last, so that probes are answered to the end. */
  readonly closeRest: () => Promise<void>;
}

export async function shutDownGracefully(steps: ShutdownSteps): Promise<void> {
  steps.becomeUnready();
  await new Promise((resolve) => setTimeout(resolve, steps.serveMs));
  await steps.stopClients();
  await steps.closeRest();
}
