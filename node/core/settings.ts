/**
 * What may differ from node to node without harm: limits and defaults. What must agree across a cluster is in the
 * ring document (ring/ring.ts) instead.
 */
export interface NodeSettings {
  /** Default R and W of requests that name none. */
  readonly readQuorum: number;
  readonly writeQuorum: number;
  readonly requestTimeoutMs: number;
  /** A longer timeout_ms is cut to this. */
  readonly requestTimeoutMsMax: number;
  /** A coordinated write that leaves more siblings than this is refused; replication and repair never are. */
  readonly siblingsMax: number;
  /** The same for the bytes of the whole record. */
  readonly recordBytesMax: number;
  /** Bounds of the delay after which a silent replica is doubled by another one. */
  readonly hedgeDelayMsMin: number;
  readonly hedgeDelayMsMax: number;
  /** Longest silence of a node that was handed a request before the next one is (coordinator/request-route.ts). */
  readonly handOnDelayMsMax: number;
  /** Read repairs under way at once; more are dropped and counted. */
  readonly readRepairsMax: number;
  /** Calls to one peer that await their reply; more count as "unavailable". */
  readonly callsPerPeerMax: number;
  /** How often hints are looked through, beside the moment when an owner connects. */
  readonly handoffIntervalMs: number;
  /** Hints sent to one owner at once; of `callsPerPeerMax` they take as much. */
  readonly handoffBatchRows: number;
  /** Pause between two rounds of gossip, a fifth more or less. */
  readonly gossipIntervalMs: number;
  /** From one comparison with a co-owner to the next, a little more or less. */
  readonly antiEntropyIntervalMs: number;
  /** Leaves that differ are looked at again after this: what a write under way explains is no difference. */
  readonly antiEntropyRecheckMs: number;
  /** In which all rows on this node's disk are checked once. */
  readonly scrubIntervalMs: number;
  /** From one sweep for tombstones that can be collected to the next; 0: none begins here. */
  readonly sealIntervalMs: number;
  /** Between the two passes of a seal round (seal/seal-round.ts); the longest of all members counts. */
  readonly sealPauseMs: number;
  /** A node that has left the ring, and is away for longer, is not expected back: its copies are given up (ring/change/departed.ts). */
  readonly departedAwayMsMax: number;
  /** Of hints.db: beyond it copies for other owners are refused, and nothing is dropped. */
  readonly hintBytesMax: number;
  /** Writes older than this in the store's queue make the node refuse to coordinate. */
  readonly storeQueueAgeMsMax: number;
  /** Memory for records that were read lately; 0 for none. */
  readonly readCacheBytesMax: number;
}

export const defaultSettings: NodeSettings = {
  readQuorum: 2,
  writeQuorum: 2,
  requestTimeoutMs: 2_000,
  requestTimeoutMsMax: 60_000,
  siblingsMax: 100,
  recordBytesMax: 16 * 1024 * 1024,
  hedgeDelayMsMin: 20,
  hedgeDelayMsMax: 250,
  handOnDelayMsMax: 75,
  readRepairsMax: 64,
  callsPerPeerMax: 1_024,
  handoffIntervalMs: 10_000,
  handoffBatchRows: 128,
  gossipIntervalMs: 1_000,
  antiEntropyIntervalMs: 60_000,
  antiEntropyRecheckMs: 1_000,
  scrubIntervalMs: 86_400_000,
  sealIntervalMs: 600_000,
  sealPauseMs: 120_000,
  departedAwayMsMax: 86_400_000,
  hintBytesMax: 4 * 1024 ** 3,
  storeQueueAgeMsMax: 1_000,
  readCacheBytesMax: 32 * 1024 * 1024,
};
