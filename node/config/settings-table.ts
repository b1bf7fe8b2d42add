import { ADMIN_PORT, CLIENT_PORT, ENV, PEER_PORT, type SettingName } from "../contract/pod-contract.ts";
import { defaultSettings } from "../core/settings.ts";

/**
 * Every setting of a node, once: `--help`, the parser and the documentation read this table. A setting is given as
 * an environment variable or as a flag of the same name (DYNAMO_DATA_DIR, --data-dir); the flag wins.
 */
export interface SettingDescription {
  readonly name: SettingName;
  readonly env: string;
  /** With its two dashes. */
  readonly flag: string;
  /** What stands for the value in `--help`. */
  readonly placeholder: string;
  /** As text; undefined where the setting is required. */
  readonly defaultText: string | undefined;
  readonly description: string;
}

type Row = readonly [
  name: SettingName,
  placeholder: string,
  defaultText: string | undefined,
  description: string,
];

const MEBIBYTE = 1024 * 1024;

const rows: readonly Row[] = [
  ["dataDirectory", "path", undefined, "directory of everything this node keeps; made where missing"],
  ["clusterSecretFile", "path", undefined, "file with the secret shared by the cluster's nodes"],
  ["clientListen", "host:port", `127.0.0.1:${CLIENT_PORT}`, "where clients are served"],
  [
    "adminListen",
    "host:port",
    `127.0.0.1:${ADMIN_PORT}`,
    "where health, metrics and the admin API are served",
  ],
  ["peerListen", "host:port", `127.0.0.1:${PEER_PORT}`, "where other nodes connect"],
  ["advertiseAddress", "host:port", "", "how other nodes reach peer-listen; that address itself where empty"],
  [
    "advertiseClientAddress",
    "host:port",
    "",
    "how clients reach client-listen; advertise-address's host where empty",
  ],
  ["seeds", "host:port,…", "", "peer addresses to ask for the others; this node's own may be among them"],
  ["zone", "name", "", "failure domain: copies of a key go to different zones while there are enough"],
  ["logLevel", "level", "info", "error, warn, info or debug"],
  ["readQuorum", "count", String(defaultSettings.readQuorum), "R of requests that name none"],
  ["writeQuorum", "count", String(defaultSettings.writeQuorum), "W of requests that name none"],
  ["requestTimeoutMs", "ms", String(defaultSettings.requestTimeoutMs), "timeout of requests that name none"],
  [
    "requestTimeoutMsMax",
    "ms",
    String(defaultSettings.requestTimeoutMsMax),
    "a longer timeout_ms is cut to this",
  ],
  ["valueBytesMax", "bytes", String(MEBIBYTE), "longest value"],
  ["siblingsMax", "count", String(defaultSettings.siblingsMax), "a put that leaves more siblings is refused"],
  [
    "recordBytesMax",
    "bytes",
    String(defaultSettings.recordBytesMax),
    "the same for the bytes of all siblings",
  ],
  [
    "hintBytesMax",
    "bytes",
    "",
    "most kept for owners that are away; more is refused. Empty: a quarter of the volume, at most 4 GiB",
  ],
  ["requestsMax", "count", "512", "client requests under way at once; more get 503"],
  ["bodyBytesMax", "bytes", String(64 * MEBIBYTE), "bytes of their bodies; more get 503"],
  ["connectionsMax", "count", "8192", "client connections; more are closed"],
  [
    "antiEntropyIntervalMs",
    "ms",
    String(defaultSettings.antiEntropyIntervalMs),
    "how often copies are compared with each other owner's",
  ],
  [
    "scrubIntervalMs",
    "ms",
    String(defaultSettings.scrubIntervalMs),
    "in which every row on disk is checked once",
  ],
  [
    "sealIntervalMs",
    "ms",
    String(defaultSettings.sealIntervalMs),
    "how often deleted keys are looked for that can be forgotten; 0 for never",
  ],
  [
    "sealPauseMs",
    "ms",
    String(defaultSettings.sealPauseMs),
    "what a member sends is on its way no longer than this; at least twice request-timeout-ms-max counts",
  ],
  [
    "departedAwayMsMax",
    "ms",
    String(defaultSettings.departedAwayMsMax),
    "a node that left the ring with copies and is away for longer is given up, with them",
  ],
  ["readers", "count", "2", "threads that read the database"],
  [
    "readCacheBytesMax",
    "bytes",
    String(defaultSettings.readCacheBytesMax),
    "memory for records read lately; 0 for none",
  ],
  ["shutdownServeMs", "ms", "5000", "how long to go on serving, not ready, after SIGTERM"],
];

export const settingsTable: readonly SettingDescription[] = rows.map(
  ([name, placeholder, defaultText, description]) => ({
    name,
    env: ENV[name],
    flag: flagOf(ENV[name]),
    placeholder,
    defaultText,
    description,
  }),
);

/** DYNAMO_DATA_DIR → --data-dir */
function flagOf(env: string): string {
  return `--${env
    .replace(/^DYNAMO_/, "")
    .toLowerCase()
    .replaceAll("_", "-")}`;
}
