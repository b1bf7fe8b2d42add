import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type ClusterSecret, readClusterSecret } from "./adapters/cluster-secret.ts";
import { CryptoRandom } from "./adapters/crypto-random.ts";
import { FileAcknowledgementStore } from "./adapters/file-acknowledgement-store.ts";
import { FileRingStore } from "./adapters/file-ring-store.ts";
import { hintRoomIn } from "./adapters/hint-room.ts";
import { KeyedHash } from "./adapters/keyed-hash.ts";
import { adoptIdentity, type NodeIdentity, openNodeIdentity } from "./adapters/node-identity.ts";
import { nodeTimers } from "./adapters/node-timers.ts";
import { type PeerTransport, startPeerTransport } from "./adapters/peer-transport.ts";
import { type GaugeSources, registerGauges } from "./adapters/prometheus-gauges.ts";
import { PrometheusHttpObserver } from "./adapters/prometheus-http-observer.ts";
import { PrometheusObserver } from "./adapters/prometheus-observer.ts";
import { createRegistry, exposeMetrics } from "./adapters/prometheus-registry.ts";
import { type SetAside, setAsideIn, setCopiesAside } from "./adapters/set-aside.ts";
import { type Storage, startStorage } from "./adapters/storage-threads.ts";
import { wallClock } from "./adapters/wall-clock.ts";
import type { LogLine } from "./adapters/winston-logger.ts";
import { WinstonObserver } from "./adapters/winston-observer.ts";
import type { NodeConfig } from "./config/node-config.ts";
import { formatHostAndPort } from "./config/setting-values.ts";
import { adminToken } from "./contract/admin-token.ts";
import { DynamoNode } from "./core/dynamo-node.ts";
import { orphanedHints } from "./core/handoff/orphaned-hints.ts";
import type { Observer } from "./core/ports/observer.ts";
import type { PeerDescription } from "./core/ports/peer-directory.ts";
import { isGivenUp } from "./core/ring/change/departed.ts";
import { compareRings, FORMED } from "./core/ring/ring-number.ts";
import type { Ring } from "./core/ring/ring.ts";
import { defaultSettings, type NodeSettings } from "./core/settings.ts";
import { AdminServer } from "./http/admin-server.ts";
import { ClientServer } from "./http/client-server.ts";
import { DynamoNodeAdmin } from "./http/dynamo-node-admin.ts";
import { DynamoRingAdmin } from "./http/dynamo-ring-admin.ts";
import { shutDownGracefully } from "./http/graceful-shutdown.ts";
import { defaultHttpLimits } from "./http/http-limits.ts";
import type { HttpObserver } from "./http/http-observer.ts";

export interface RunningNode {
  /** Drains and closes everything; resolves when nothing is left to do. */
  shutDown(): Promise<void>;
}

export interface NodeSurroundings {
  readonly version: string;
  readonly log: LogLine;
  /** Storage died or lost its way: the process must end. */
  readonly onFatal: (error: Error) => void;
  /** It goes on with its next process, and with another identity or without its copies: this one must stop in good order. */
  readonly onRestartDue: () => void;
}

const PEER_STATES = { down: 0, slow: 1, up: 2 } as const;
const STOP_GRACE_MS = 5_000;
/** Clients taken in during one turn, at most: docs/decisions/0013. */
const CLIENT_LISTENERS = 32;
const KEY_IDS = Array.from({ length: 256 }, (_, id) => id);

/** Builds a member on real sockets, threads and disks. Rejects where one of them cannot be had, and says which. */
export async function startNode(config: NodeConfig, surroundings: NodeSurroundings): Promise<RunningNode> {
  const { version, log } = surroundings;
  let draining = false;
  let isSetAsideDue = false;
  const giveUp = (): void => {
    isSetAsideDue = true;
    surroundings.onRestartDue();
  };
  const member = await openMember(config, surroundings, { isDraining: () => draining, giveUp });
  const { identity, registry, transport, storage, node } = member;
  const admin = adminOf(member, config, { ...surroundings, isDraining: () => draining });
  const ringChanges = ringAdminOf(member, selfOf(member, config, version));
  const { clients, administration } = serversOf(member, config, { admin, ringChanges, log });
  registerGauges(registry, gaugeSources(member, { version, admin, clients }));
  await administration.start(config.adminListen);
  await clients.start(config.clientListen);
  if (member.setAside.bytes > 0)
    log("copies_set_aside_kept", { ...member.setAside, advice: SET_ASIDE_ADVICE }, "warn");
  log("node_started", { nodeId: identity.id, created: identity.created, version }, "info");
  return {
    shutDown: () =>
      shutDownGracefully({
        becomeUnready: () => {
          draining = true;
          clients.drain();
        },
        serveMs: config.shutdownServeMs,
        stopClients: () => clients.stop(STOP_GRACE_MS),
        closeRest: async () => {
          await node.stop();
          await transport.close();
          await storage.close();
          // A later ring may have come meanwhile: members keep what they have.
          const ring = node.ring.current();
          if (isSetAsideDue && ring !== undefined && isGivenUp(ring, identity.id))
            putAside(config.dataDirectory, log);
          await administration.stop(STOP_GRACE_MS);
        },
      }),
  };
}

/** A member on its disk and its peer links, with what serves it. */
interface Member {
  readonly identity: NodeIdentity;
  readonly secret: ClusterSecret;
  readonly registry: ReturnType<typeof createRegistry>;
  readonly settings: NodeSettings;
  readonly hash: KeyedHash;
  readonly storage: Storage;
  readonly transport: PeerTransport;
  readonly node: DynamoNode;
  /** When the process began. */
  readonly setAside: SetAside;
}

async function openMember(
  config: NodeConfig,
  { version, log, onFatal }: NodeSurroundings,
  { isDraining, giveUp }: { isDraining: () => boolean; giveUp: () => void },
): Promise<Member> {
  const identity = openNodeIdentity(config.dataDirectory);
  const { secret, warnings } = readClusterSecret(config.clusterSecretFile, () => Date.now());
  for (const warning of warnings) log("secret_file_suspicious", { warning }, "warn");
  const registry = createRegistry();
  const observer = both(new PrometheusObserver(registry), new WinstonObserver(log));
  const hash = new KeyedHash(secret);
  const settings = await settingsOf(config);
  const setAside = setAsideIn(config.dataDirectory);
  const storage = await openStorage(config, settings, { observer, log, onFatal });
  let ring = (): Ring | undefined => undefined;
  const transport = await startPeerTransport({
    self: identity.id,
    incarnation: randomBytes(16).toString("hex"),
    zone: config.zone,
    version,
    listen: config.peerListen,
    advertise: formatHostAndPort(config.advertise),
    clientAddress: formatHostAndPort(config.advertiseClient),
    seeds: config.seeds,
    secret,
    clusterId: () => ring()?.clusterId ?? "",
    isRingLater: () => compareRings(ring() ?? FORMED, FORMED) > 0,
    log,
  });
  const node = new DynamoNode({
    self: identity.id,
    zone: config.zone,
    about: { ...addressesOf(config), software: version },
    condition: () => conditionOf(storage, isDraining()),
    settings,
    clock: wallClock,
    timers: nodeTimers,
    random: new CryptoRandom(),
    hash,
    observer,
    transport,
    directory: transport,
    store: storage.store,
    ringStore: new FileRingStore(join(config.dataDirectory, "ring.json")),
    acknowledgements: new FileAcknowledgementStore(join(config.dataDirectory, "acknowledgements.json")),
    setCopiesAside: giveUp,
  });
  node.start();
  ring = () => node.ring.current();
  return { identity, secret, registry, settings, hash, storage, transport, node, setAside };
}

function openStorage(
  { dataDirectory, readers }: NodeConfig,
  limits: NodeSettings,
  { observer, log, onFatal }: Pick<NodeSurroundings, "log" | "onFatal"> & { readonly observer: Observer },
): Promise<Storage> {
  return startStorage({
    dataDir: dataDirectory,
    readers,
    limits,
    clock: wallClock,
    timers: nodeTimers,
    observer,
    onFatal,
    onProgress: ({ task, rowsDone }) => log("storage_opening", { task, rowsDone }, "info"),
    onMode: (mode, reason) =>
      log("storage_mode_changed", { mode, reason }, mode === "read_only" ? "error" : "info"),
  });
}

/** The databases must be closed. */
function putAside(dataDirectory: string, log: LogLine): void {
  try {
    const directory = setCopiesAside(dataDirectory, new Date().toISOString());
    log("copies_set_aside", { directory, advice: SET_ASIDE_ADVICE }, "warn");
  } catch (error) {
    log("copies_not_set_aside", { error, advice: "the next process tries again: see to the disk" }, "error");
  }
}

const SET_ASIDE_ADVICE =
  "what is in there was given up and replaced from other nodes; nothing reads it any more: remove it once nobody misses anything";

/** The data directory must be there. */
async function settingsOf({ settings, hintBytesMax, dataDirectory }: NodeConfig): Promise<NodeSettings> {
  const room = hintBytesMax ?? (await hintRoomIn(dataDirectory, defaultSettings.hintBytesMax));
  return { ...settings, hintBytesMax: room };
}

interface AdminSurroundings extends Pick<NodeSurroundings, "version" | "log" | "onRestartDue"> {
  readonly isDraining: () => boolean;
}

function addressesOf(config: NodeConfig): { address: string; clientAddress: string } {
  return {
    address: formatHostAndPort(config.advertise),
    clientAddress: formatHostAndPort(config.advertiseClient),
  };
}

/** What this node says of its own state to the others. */
function conditionOf(storage: Storage, draining: boolean): "draining" | "read_only" | "serving" {
  if (draining) return "draining";
  return storage.mode() === "read_only" ? "read_only" : "serving";
}

function selfOf({ identity }: Member, config: NodeConfig, version: string): PeerDescription {
  return { id: identity.id, ...addressesOf(config), zone: config.zone, version, connected: true };
}

function ringAdminOf({ node, transport, storage }: Member, self: PeerDescription): DynamoRingAdmin {
  const { ring, membership, governance, transfers } = node;
  return new DynamoRingAdmin({
    self,
    directory: transport,
    membership,
    ring,
    changes: {
      submit: (change) => governance.submit(change),
      cancel: (changeId) => governance.cancel(changeId),
      recover: (recovery) => governance.recover(recovery),
      lacks: () => transfers.lacks(),
    },
    store: storage.store,
    storage: () => keptIn(storage),
    timers: nodeTimers,
  });
}

function keptIn(storage: Storage): { keys: number; bytes: number; volumeFreeBytes: number } {
  const { dataRows, dataBytes, dataLogBytes, freeBytes } = storage.stats();
  return { keys: dataRows, bytes: dataBytes + dataLogBytes, volumeFreeBytes: freeBytes };
}

function adminOf(
  member: Member,
  config: NodeConfig,
  { version, isDraining, log, onRestartDue }: AdminSurroundings,
): DynamoNodeAdmin {
  const { identity, settings, node, transport, storage, hash } = member;
  return new DynamoNodeAdmin({
    self: selfOf(member, config, version),
    ring: node.ring,
    membership: node.membership,
    recovery: node.recovery,
    misplaced: () => node.transfers.misplaced(),
    directory: transport,
    store: storage.store,
    antiEntropy: node.antiEntropy,
    timers: nodeTimers,
    hash,
    isReadOnly: () => storage.mode() === "read_only",
    readOnlyReason: () => storage.readOnlyReason(),
    isDraining,
    hints: () => {
      const { hintsByOwner, hintMarkers, hintBytesUsed } = storage.stats();
      const pending = Object.fromEntries(hintsByOwner);
      const lost = node.hintLosses.databaseLoss ?? null;
      return {
        pending,
        markers: hintMarkers,
        bytes: hintBytesUsed,
        bytesMax: settings.hintBytesMax,
        lost,
      };
    },
    rows: () => storage.stats().dataRows + storage.stats().hintRows,
    tombstones: () => storage.stats().tombstones,
    seals: node.seals,
    storage: () => keptIn(storage),
    adopt: (id) => {
      adoptIdentity(config.dataDirectory, id);
      log("identity_adopted", { before: identity.id, id }, "warn");
      onRestartDue();
    },
    startedMs: performance.now(),
    nowMs: () => performance.now(),
  });
}

function serversOf(
  { node, secret, registry }: Member,
  config: NodeConfig,
  { admin, ringChanges, log }: { admin: DynamoNodeAdmin; ringChanges: DynamoRingAdmin; log: LogLine },
): { clients: ClientServer; administration: AdminServer } {
  const limits = {
    ...defaultHttpLimits,
    valueBytesMax: config.valueBytesMax,
    requestsMax: config.requestsMax,
    bodyBytesMax: config.bodyBytesMax,
    connectionsMax: config.connectionsMax,
  };
  const observer = observedHttp(new PrometheusHttpObserver(registry), log);
  const { requestTimeoutMsMax } = config.settings;
  const metrics = () => exposeMetrics(registry);
  return {
    clients: new ClientServer({
      service: node,
      admin,
      limits,
      requestTimeoutMsMax,
      observer,
      listeners: CLIENT_LISTENERS,
    }),
    administration: new AdminServer({
      admin,
      ringChanges,
      tokens: () => tokensOf(secret),
      metrics,
      limits,
      observer,
    }),
  };
}

function gaugeSources(
  { node, storage, transport, setAside }: Member,
  { version, admin, clients }: { version: string; admin: DynamoNodeAdmin; clients: ClientServer },
): GaugeSources {
  return {
    version,
    ready: () => admin.ready().ready,
    readOnly: () => storage.mode() === "read_only",
    ring: () => {
      const ring = node.ring.current();
      return { epoch: ring?.epoch ?? 0, members: ring?.members.length ?? 0 };
    },
    hintsPending: () => storage.stats().hintRows,
    hintsOrphaned: () => orphanedHints(storage.stats().hintsByOwner, node.ring.current()),
    recovery: () => ({
      recovering: node.recovery.isRecovering,
      partitionsLeft: node.recovery.partitionsLeft() ?? 0,
    }),
    misplacedKeys: () => node.transfers.misplaced().keys ?? 0,
    setAsideBytes: () => setAside.bytes,
    changeLacks: () => node.transfers.lackCount,
    storage: () => storage.stats(),
    readCache: () => node.cache.counts(),
    oldestWriteAgeMs: () => storage.store.oldestWriteAgeMs(),
    peers: () => transport.counters(),
    peerStates: () =>
      (node.ring.current()?.members ?? [])
        .filter(({ id }) => id !== node.membership.own().id)
        .map(({ id }) => [id, PEER_STATES[node.membership.view(id).belief]]),
    equalAgoMs: () =>
      node.antiEntropy
        .lastExchanges()
        .flatMap(({ peer, equalAgoMs }) => (equalAgoMs === undefined ? [] : [[peer, equalAgoMs] as const])),
    http: () => clients.load(),
  };
}

function both(first: Observer, second: Observer): Observer {
  return {
    event: (event) => {
      first.event(event);
      second.event(event);
    },
  };
}

/** Every key that the cluster still accepts gives a token, so that a rotation locks nobody out. */
function tokensOf(secret: ClusterSecret): readonly string[] {
  return KEY_IDS.flatMap((id) => secret.verifying(id) ?? []).map((key) => adminToken(key.bytes));
}

const LISTENERS_MISSING =
  "no process could be started to copy the listening socket; new clients wait longer while this node is busy";

function observedHttp(metrics: PrometheusHttpObserver, log: LogLine): HttpObserver {
  return {
    answered: (method, status, durationMs) => metrics.answered(method, status, durationMs),
    shed: (reason) => metrics.shed(reason),
    connectionRefused: (code) => metrics.connectionRefused(code),
    listening: (listeners, wanted) => {
      if (listeners < wanted) log("listeners_missing", { listeners, wanted, why: LISTENERS_MISSING }, "warn");
    },
    handlerFailed: (error, requestId) => {
      metrics.handlerFailed();
      log("handler_failed", { error, requestId }, "error");
    },
  };
}
