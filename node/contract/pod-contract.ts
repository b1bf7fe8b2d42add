/**
 * What a node's surroundings may rely on: ports, names of environment variables, paths inside a container. The
 * operator writes pods after it, the CLI and the tests find nodes by it. Changing a line here breaks running
 * clusters: add, don't rename.
 */

export const CLIENT_PORT = 8080;
export const ADMIN_PORT = 9080;
export const PEER_PORT = 7080;

/** Where a container's volume and secret are mounted. */
export const CONTAINER_DATA_DIRECTORY = "/var/lib/dynamokv";
export const CONTAINER_SECRET_FILE = "/etc/dynamokv/cluster-secret";

/** Programs of the image, as arguments of its entry point. */
export const NODE_PROGRAM = "dist/node/main.js";
export const OPERATOR_PROGRAM = "dist/operator/main.js";

/** Variables that a person or the operator sets; `node/config/settings-table.ts` says what each means. */
export const ENV = {
  dataDirectory: "DYNAMO_DATA_DIR",
  clientListen: "DYNAMO_CLIENT_LISTEN",
  adminListen: "DYNAMO_ADMIN_LISTEN",
  peerListen: "DYNAMO_PEER_LISTEN",
  advertiseAddress: "DYNAMO_ADVERTISE_ADDRESS",
  advertiseClientAddress: "DYNAMO_ADVERTISE_CLIENT_ADDRESS",
  seeds: "DYNAMO_SEEDS",
  zone: "DYNAMO_ZONE",
  clusterSecretFile: "DYNAMO_CLUSTER_SECRET_FILE",
  logLevel: "DYNAMO_LOG_LEVEL",
  readQuorum: "DYNAMO_READ_QUORUM",
  writeQuorum: "DYNAMO_WRITE_QUORUM",
  requestTimeoutMs: "DYNAMO_REQUEST_TIMEOUT_MS",
  requestTimeoutMsMax: "DYNAMO_REQUEST_TIMEOUT_MS_MAX",
  valueBytesMax: "DYNAMO_VALUE_BYTES_MAX",
  siblingsMax: "DYNAMO_SIBLINGS_MAX",
  recordBytesMax: "DYNAMO_RECORD_BYTES_MAX",
  hintBytesMax: "DYNAMO_HINT_BYTES_MAX",
  requestsMax: "DYNAMO_REQUESTS_MAX",
  bodyBytesMax: "DYNAMO_BODY_BYTES_MAX",
  connectionsMax: "DYNAMO_CONNECTIONS_MAX",
  antiEntropyIntervalMs: "DYNAMO_ANTI_ENTROPY_INTERVAL_MS",
  scrubIntervalMs: "DYNAMO_SCRUB_INTERVAL_MS",
  sealIntervalMs: "DYNAMO_SEAL_INTERVAL_MS",
  sealPauseMs: "DYNAMO_SEAL_PAUSE_MS",
  departedAwayMsMax: "DYNAMO_DEPARTED_AWAY_MS_MAX",
  readers: "DYNAMO_READERS",
  readCacheBytesMax: "DYNAMO_READ_CACHE_BYTES_MAX",
  shutdownServeMs: "DYNAMO_SHUTDOWN_SERVE_MS",
} as const;

export type SettingName = keyof typeof ENV;

/** Variables of the dynamokv command: where it finds the nodes. Comma-separated. */
export const CLI_ENV = { endpoints: "DYNAMO_ENDPOINTS", adminEndpoints: "DYNAMO_ADMIN_ENDPOINTS" } as const;

/** Paths of the admin port that probes and scrapers use. */
export const LIVENESS_PATH = "/livez";
export const READINESS_PATH = "/readyz";
export const METRICS_PATH = "/metrics";
