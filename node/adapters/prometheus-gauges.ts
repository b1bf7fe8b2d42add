import { Counter, Gauge, type Registry } from "prom-client";
import type { TransportCounters } from "./peer-counters.ts";
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
  readonly http: () => {
    readonly requests: number;
    readonly readsLimit: number;
    readonly writesLimit: number;
    readonly bodyBytes: number;
    readonly eventLoopDelayMs: number;
  };
}

export function registerGauges(registry: Registry, sources: GaugeSources): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  const info = { name: "dynamo_node_info", help: "1; its label tells the version.", labelNames: ["version"] };
  new Gauge({ ...info, registers: [registry] }).set({ version: sources.version }, 1);
  gauge("dynamo_node_ready", "1 while /readyz says ready.", () => Number(sources.ready()));
  gauge("dynamo_recovering", "1 while this node has not got back what its disk lost.", () =>
    Number(sources.recovery().recovering),
  );
  gauge(
    "dynamo_recovery_partitions_left",
    "Partitions not yet compared with every co-owner.",
    () => sources.recovery().partitionsLeft,
  );
  gauge("dynamo_ring_epoch", "Epoch of the ring served; 0 without one.", () => sources.ring().epoch);
  gauge("dynamo_ring_members", "Members of that ring.", () => sources.ring().members);
  gauge("dynamo_handoff_hints_pending", "Hints kept here for other owners.", sources.hintsPending);
  gauge(
    "dynamo_handoff_markers_pending",
    "Those of them that are markers: no copy, only who missed one.",
    () => sources.storage().hintMarkers,
  );
  gauge("dynamo_handoff_hints_bytes", "Bytes in use in hints.db.", () => sources.storage().hintBytesUsed);
  gauge("dynamo_handoff_hints_orphaned", "Hints for nodes that are no members.", sources.hintsOrphaned);
  gauge("dynamo_http_requests_active", "Key-value requests under way.", () => sources.http().requests);
  gauge("dynamo_http_reads_limit", "Reads let in at once, learnt.", () => sources.http().readsLimit);
  gauge("dynamo_http_writes_limit", "Writes let in at once, learnt.", () => sources.http().writesLimit);
  gauge("dynamo_http_body_bytes", "Bytes of their bodies.", () => sources.http().bodyBytes);
  gauge(
    "dynamo_http_event_loop_delay_seconds",
    "How late the event loop was at the last look.",
    () => sources.http().eventLoopDelayMs / 1_000,
  );
  registerStorage(gauge, sources);
  registerReadCache(registry, gauge, sources);
  registerPeers(registry, gauge, sources);
  registerPeerStates(registry, sources);
  registerEqualExchanges(registry, sources);
}

type RegisterGauge = (name: string, help: string, read: () => number) => void;

function registerStorage(gauge: RegisterGauge, { storage, readOnly, oldestWriteAgeMs }: GaugeSources): void {
  gauge("dynamo_storage_read_only", "1 while the disk is too full to write.", () => Number(readOnly()));
  gauge(
    "dynamo_storage_oldest_write_age_seconds",
    "Age of the oldest write not yet on disk.",
    () => oldestWriteAgeMs() / 1_000,
  );
  gauge("dynamo_storage_data_rows", "Keys in data.db, tombstones included.", () => storage().dataRows);
  gauge("dynamo_storage_hint_rows", "Keys in hints.db.", () => storage().hintRows);
  gauge("dynamo_storage_data_bytes", "Size of data.db.", () => storage().dataBytes);
  gauge("dynamo_storage_data_log_bytes", "Size of its write-ahead log.", () => storage().dataLogBytes);
  gauge("dynamo_storage_hint_bytes", "Size of hints.db.", () => storage().hintBytes);
  gauge("dynamo_storage_hint_log_bytes", "Size of its write-ahead log.", () => storage().hintLogBytes);
  gauge("dynamo_storage_free_bytes", "Free space of the volume.", () => storage().freeBytes);
}

function registerReadCache(registry: Registry, gauge: RegisterGauge, { readCache }: GaugeSources): void {
  const total = (name: string, help: string, read: () => number): void => {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  total("dynamo_storage_read_cache_hits_total", "Reads answered from memory.", () => readCache().hits);
  total("dynamo_storage_read_cache_misses_total", "Reads that went to a thread.", () => readCache().misses);
  gauge("dynamo_storage_read_cache_bytes", "Memory of the cached records.", () => readCache().bytes);
}

function registerPeerStates(registry: Registry, { peerStates }: GaugeSources): void {
  new Gauge({
    name: "dynamo_peer_state",
    help: "What this node believes of each member: 2 up, 1 slow, 0 down.",
    labelNames: ["peer"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [peer, state] of peerStates()) this.set({ peer }, state);
    },
  });
}

function registerEqualExchanges(registry: Registry, { equalAgoMs }: GaugeSources): void {
  new Gauge({
    name: "dynamo_antientropy_seconds_since_equal",
    help: "Since all that this node and the peer both own was found equal.",
    labelNames: ["peer"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [peer, agoMs] of equalAgoMs()) this.set({ peer }, agoMs / 1_000);
    },
  });
}

type Peer = TransportCounters["peers"][number];

function registerPeers(registry: Registry, gauge: RegisterGauge, { peers }: GaugeSources): void {
  gauge(
    "dynamo_peer_connected",
    "Peers connected now.",
    () => peers().peers.filter((peer) => peer.connected).length,
  );
  gauge("dynamo_peer_queued_bytes", "Bytes waiting for connections to peers.", () =>
    peers().peers.reduce((sum, peer) => sum + peer.queuedBytes, 0),
  );
  const perPeer = (name: string, help: string, read: (peer: Peer) => number): void => {
    new Counter({
      name,
      help,
      labelNames: ["peer"],
      registers: [registry],
      collect() {
        this.reset();
        for (const peer of peers().peers) this.inc({ peer: peer.id }, read(peer));
      },
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
  new Counter({
    name: "dynamo_peer_handshakes_failed_total",
    help: "Connections turned away before they became a peer.",
    labelNames: ["code"],
    registers: [registry],
    collect() {
      this.reset();
      for (const [code, count] of peers().handshakesFailed) this.inc({ code }, count);
    },
  });
}
