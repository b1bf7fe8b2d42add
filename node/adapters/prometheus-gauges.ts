import { Gauge, type Registry } from "prom-client";
import type { TransportCounters } from "./peer-counters.ts";
import { MetricReadings } from "./prometheus-reading.ts";
import type { StorageStats } from "./storage-threads.ts";

/** Where the gauges look when somebody scrapes. Nothing is asked for in between, and nothing here waits. */
export interface GaugeSources {
  readonly version: string;
  readonly ready: () => boolean;
  readonly readOnly: () => boolean;
  /** Epoch 0 without a ring. */
  readonly ring: () => { readonly epoch: number; readonly members: number };
  readonly hintsPending: () => number;
  readonly hintsOrphaned: () => number;
  readonly recovery: () => { readonly recovering: boolean; readonly partitionsLeft: number };
  readonly storage: () => StorageStats;
  /** Milliseconds. */
  readonly oldestWriteAgeMs: () => number;
  readonly readCache: () => { readonly hits: number; readonly misses: number; readonly bytes: number };
  readonly peers: () => TransportCounters;
  /** Of each member but this node: 2 up, 1 slow, 0 down. */
  readonly peerStates: () => readonly (readonly [peerId: string, state: number])[];
  /** For each co-owner that was found equal: milliseconds since then. */
  readonly equalAgoMs: () => readonly (readonly [peerId: string, agoMs: number])[];
  /** 0 without a change. */
  readonly changeLacks: () => number;
  readonly misplacedKeys: () => number;
  readonly setAsideBytes: () => number;
  readonly http: () => {
    readonly requests: number;
    readonly readsLimit: number;
    readonly writesLimit: number;
    readonly bodyBytes: number;
    readonly eventLoopDelayMs: number;
  };
}

export function registerGauges(registry: Registry, sources: GaugeSources): void {
  const readings = new MetricReadings(registry);
  const info = { name: "dynamo_node_info", help: "1; its label tells the version.", labelNames: ["version"] };
  new Gauge({ ...info, registers: [registry] }).set({ version: sources.version }, 1);
  readings.gauge("dynamo_node_ready", "1 while /readyz says ready.", () => Number(sources.ready()));
  readings.gauge("dynamo_recovering", "1 while this node has not got back what its disk lost.", () =>
    Number(sources.recovery().recovering),
  );
  readings.gauge(
    "dynamo_recovery_partitions_left",
    "Partitions not yet compared with every co-owner.",
    () => sources.recovery().partitionsLeft,
  );
  readings.gauge("dynamo_ring_epoch", "Epoch of the ring served; 0 without one.", () => sources.ring().epoch);
  readings.gauge("dynamo_ring_members", "Members of that ring.", () => sources.ring().members);
  readings.gauge(
    "dynamo_ring_change_lacks",
    "What the next step of a ring change waits for: copies, then partitions.",
    sources.changeLacks,
  );
  readings.gauge(
    "dynamo_misplaced_keys",
    "Keys in partitions that are not owned here, to be handed over.",
    sources.misplacedKeys,
  );
  readings.gauge(
    "dynamo_set_aside_bytes",
    "Bytes of copies that were given up and put aside; nothing reads them.",
    sources.setAsideBytes,
  );
  readings.gauge("dynamo_handoff_hints_pending", "Hints kept here for other owners.", sources.hintsPending);
  readings.gauge(
    "dynamo_handoff_markers_pending",
    "Those of them that are markers: no copy, only who missed one.",
    () => sources.storage().hintMarkers,
  );
  readings.gauge(
    "dynamo_handoff_hints_bytes",
    "Bytes in use in hints.db.",
    () => sources.storage().hintBytesUsed,
  );
  readings.gauge(
    "dynamo_handoff_hints_orphaned",
    "Hints for nodes that are no members.",
    sources.hintsOrphaned,
  );
  registerHttp(readings, sources);
  registerStorage(readings, sources);
  registerReadCache(readings, sources);
  registerPeers(readings, sources);
  readings.gauges("dynamo_peer_state", "What this node believes of each member: 2 up, 1 slow, 0 down.", {
    label: "peer",
    read: sources.peerStates,
  });
  readings.gauges(
    "dynamo_antientropy_seconds_since_equal",
    "Since all that this node and the peer both own was found equal.",
    { label: "peer", read: () => sources.equalAgoMs().map(([peer, agoMs]) => [peer, agoMs / 1_000]) },
  );
}

function registerHttp(readings: MetricReadings, { http }: GaugeSources): void {
  readings.gauge("dynamo_http_requests_active", "Key-value requests under way.", () => http().requests);
  readings.gauge("dynamo_http_reads_limit", "Reads let in at once, learnt.", () => http().readsLimit);
  readings.gauge("dynamo_http_writes_limit", "Writes let in at once, learnt.", () => http().writesLimit);
  readings.gauge("dynamo_http_body_bytes", "Bytes of their bodies.", () => http().bodyBytes);
  readings.gauge(
    "dynamo_http_event_loop_delay_seconds",
    "How late the event loop was at the last look.",
    () => http().eventLoopDelayMs / 1_000,
  );
}

function registerStorage(
  readings: MetricReadings,
  { storage, readOnly, oldestWriteAgeMs }: GaugeSources,
): void {
  readings.gauge("dynamo_storage_read_only", "1 while the disk is too full to write.", () =>
    Number(readOnly()),
  );
  readings.gauge(
    "dynamo_storage_oldest_write_age_seconds",
    "Age of the oldest write not yet on disk.",
    () => oldestWriteAgeMs() / 1_000,
  );
  readings.gauge(
    "dynamo_storage_data_rows",
    "Keys in data.db, tombstones included.",
    () => storage().dataRows,
  );
  readings.gauge(
    "dynamo_storage_tombstones",
    "Keys in data.db that are deleted.",
    () => storage().tombstones.count,
  );
  readings.gauge("dynamo_storage_tombstones_in_doubt", "1 while they are counted again.", () =>
    Number(storage().tombstones.inDoubt),
  );
  readings.gauge("dynamo_storage_hint_rows", "Keys in hints.db.", () => storage().hintRows);
  readings.gauge("dynamo_storage_data_bytes", "Size of data.db.", () => storage().dataBytes);
  readings.gauge(
    "dynamo_storage_data_log_bytes",
    "Size of its write-ahead log.",
    () => storage().dataLogBytes,
  );
  readings.gauge("dynamo_storage_hint_bytes", "Size of hints.db.", () => storage().hintBytes);
  readings.gauge(
    "dynamo_storage_hint_log_bytes",
    "Size of its write-ahead log.",
    () => storage().hintLogBytes,
  );
  readings.gauge("dynamo_storage_free_bytes", "Free space of the volume.", () => storage().freeBytes);
}

function registerReadCache(readings: MetricReadings, { readCache }: GaugeSources): void {
  readings.total(
    "dynamo_storage_read_cache_hits_total",
    "Reads answered from memory.",
    () => readCache().hits,
  );
  readings.total(
    "dynamo_storage_read_cache_misses_total",
    "Reads that went to a thread.",
    () => readCache().misses,
  );
  readings.gauge("dynamo_storage_read_cache_bytes", "Memory of the cached records.", () => readCache().bytes);
}

type Peer = TransportCounters["peers"][number];

function registerPeers(readings: MetricReadings, { peers }: GaugeSources): void {
  readings.gauge(
    "dynamo_peer_connected",
    "Peers connected now.",
    () => peers().peers.filter((peer) => peer.connected).length,
  );
  readings.gauge("dynamo_peer_queued_bytes", "Bytes waiting for connections to peers.", () =>
    peers().peers.reduce((sum, peer) => sum + peer.queuedBytes, 0),
  );
  const perPeer = (name: string, help: string, read: (peer: Peer) => number): void => {
    readings.totals(name, help, {
      label: "peer",
      read: () => peers().peers.map((peer) => [peer.id, read(peer)]),
    });
  };
  perPeer("dynamo_peer_messages_sent_total", "Messages sent.", (peer) => peer.messagesSent);
  perPeer("dynamo_peer_messages_received_total", "Messages received.", (peer) => peer.messagesReceived);
  perPeer("dynamo_peer_sent_bytes_total", "Bytes sent.", (peer) => peer.bytesSent);
  perPeer("dynamo_peer_received_bytes_total", "Bytes received.", (peer) => peer.bytesReceived);
  perPeer("dynamo_peer_disconnects_total", "Connections lost.", (peer) => peer.disconnects);
  perPeer(
    "dynamo_peer_window_full_total",
    "Messages not sent: too many unanswered.",
    (p) => p.refusedWindowFull,
  );
  readings.totals(
    "dynamo_peer_handshakes_failed_total",
    "Connections turned away before they became a peer.",
    { label: "code", read: () => peers().handshakesFailed },
  );
}
