/** The core never asks the machine for the time: adapters read clocks, the simulator invents them. */
export interface Clock {
  /** Milliseconds since an arbitrary origin; never runs backwards. For deadlines and delays. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. Only ever stored or shown, never compared to decide anything. */
  wallMs(): number;
}
