/**
 * When to try again, and when to stop. Three bounds hold at once: the call's deadline, the number of retries, and a
 * budget shared by all calls of a client. The budget is a bucket of tokens: each call pays a little in, each retry
 * takes one out, so that retries stay a small share of the traffic when the cluster as a whole is in trouble
 * (retries of everybody at once are what turns an overload into an outage). A refused connection costs nothing, nor does
 * a node that is no member of the ring: they put no load on anybody.
 */
export interface RetryLimits {
  /** Attempts after the first. */
  readonly retries: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  /** Most retries in a burst. */
  readonly budgetTokensMax: number;
  /** Tokens that a call pays in: 0.1 means one retry for every ten calls in the long run. */
  readonly budgetTokensPerCall: number;
}

export const defaultRetryLimits: RetryLimits = {
  retries: 4,
  backoffMsMin: 20,
  backoffMsMax: 1_000,
  budgetTokensMax: 200,
  budgetTokensPerCall: 0.1,
};

export class RetryBudget {
  readonly #limits: RetryLimits;
  #tokens: number;

  constructor(limits: RetryLimits) {
    this.#limits = limits;
    this.#tokens = limits.budgetTokensMax;
  }

  callStarted(): void {
    this.#tokens = Math.min(this.#limits.budgetTokensMax, this.#tokens + this.#limits.budgetTokensPerCall);
  }

  /** Takes one token, or says that there is none. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** Full jitter: anywhere between 0 and the doubled backoff, so that clients do not come back in step. */
export function backoffMs(retry: number, limits: RetryLimits, random: () => number): number {
  return random() * Math.min(limits.backoffMsMax, limits.backoffMsMin * 2 ** retry);
}

/**
 * How long one attempt may take. Half of what is left while there are retries to come, so that a silent node leaves
 * time for another one; all of it for the last.
 */
export function attemptTimeoutMs({
  remainingMs,
  retriesLeft,
}: {
  remainingMs: number;
  retriesLeft: number;
}): number {
  return retriesLeft > 0 ? Math.max(Math.min(remainingMs, ATTEMPT_MS_MIN), remainingMs / 2) : remainingMs;
}

const ATTEMPT_MS_MIN = 50;
