import type { SettingName } from "../contract/pod-contract.ts";
import { defaultSettings, type NodeSettings } from "../core/settings.ts";
import {
  formatHostAndPort,
  type HostAndPort,
  isWildcard,
  parseAddresses,
  parseCount,
  type Parsed,
  parseHostAndPort,
} from "./setting-values.ts";
import { type SettingDescription, settingsTable } from "./settings-table.ts";

/**
 * What a node is told at its start, read once into one frozen object. All problems are reported together, each with
 * the name under which the value was given: a person who must fix five settings should not need five restarts. What
 * must agree across a cluster (Q, N) is not here but in the ring document.
 */
export interface NodeConfig {
  readonly dataDirectory: string;
  readonly clusterSecretFile: string;
  readonly clientListen: HostAndPort;
  readonly adminListen: HostAndPort;
  readonly peerListen: HostAndPort;
  /** Port 0: the one that the listener gets. */
  readonly advertise: HostAndPort;
  readonly advertiseClient: HostAndPort;
  readonly seeds: readonly string[];
  readonly zone: string;
  readonly logLevel: LogLevel;
  readonly settings: Omit<NodeSettings, "hintBytesMax">;
  /** Undefined: what the volume has room for (adapters/hint-room.ts). */
  readonly hintBytesMax: number | undefined;
  /** The rest of the HTTP limits are defaults of node/http/http-limits.ts. */
  readonly valueBytesMax: number;
  readonly requestsMax: number;
  readonly bodyBytesMax: number;
  readonly connectionsMax: number;
  readonly readers: number;
  readonly shutdownServeMs: number;
}

export type LogLevel = "error" | "warn" | "info" | "debug";

export type ConfigOutcome =
  | { readonly ok: true; readonly config: NodeConfig; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By flag name, with its two dashes. */
  readonly flags: Readonly<Record<string, string | undefined>>;
}

export function parseNodeConfig(source: ConfigSource): ConfigOutcome {
  const reader = new SettingReader(source);
  const config = readAll(reader);
  crossCheck(config, reader);
  if (reader.problems.length > 0) return { ok: false, problems: reader.problems };
  return { ok: true, config: deepFreeze(config), warnings: unknownVariables(source) };
}

const DAY_MS = 86_400_000;
const GIBIBYTE = 1024 ** 3;
const ZONE = /^[A-Za-z0-9._-]{0,63}$/;

function readAll(reader: SettingReader): NodeConfig {
  const clientListen = reader.address("clientListen");
  const peerListen = reader.address("peerListen");
  const advertise = reader.advertised("advertiseAddress", peerListen);
  const clientFallback = { host: advertise.host, port: clientListen.port };
  return {
    dataDirectory: reader.required("dataDirectory"),
    clusterSecretFile: reader.required("clusterSecretFile"),
    clientListen,
    adminListen: reader.address("adminListen"),
    peerListen,
    advertise,
    advertiseClient: reader.advertised("advertiseClientAddress", clientFallback),
    seeds: reader.value("seeds", parseAddresses, []),
    zone: reader.value("zone", parseZone, ""),
    logLevel: reader.value("logLevel", parseLogLevel, "info"),
    settings: {
      ...defaultSettings,
      readQuorum: reader.count("readQuorum", 1, 7),
      writeQuorum: reader.count("writeQuorum", 1, 7),
      requestTimeoutMs: reader.count("requestTimeoutMs", 1, DAY_MS),
      requestTimeoutMsMax: reader.count("requestTimeoutMsMax", 1, DAY_MS),
      siblingsMax: reader.count("siblingsMax", 1, 100_000),
      recordBytesMax: reader.count("recordBytesMax", 1_024, GIBIBYTE / 4),
      readCacheBytesMax: reader.count("readCacheBytesMax", 0, 64 * GIBIBYTE),
      antiEntropyIntervalMs: reader.count("antiEntropyIntervalMs", 100, DAY_MS),
      scrubIntervalMs: reader.count("scrubIntervalMs", 100, 7 * DAY_MS),
      sealIntervalMs: reader.count("sealIntervalMs", 0, 7 * DAY_MS),
      sealPauseMs: reader.count("sealPauseMs", 1_000, DAY_MS),
      departedAwayMsMax: reader.count("departedAwayMsMax", 1_000, 365 * DAY_MS),
    },
    hintBytesMax: reader.optionalCount("hintBytesMax", 1024 * 1024, 1024 * GIBIBYTE),
    valueBytesMax: reader.count("valueBytesMax", 1, GIBIBYTE / 16),
    requestsMax: reader.count("requestsMax", 1, 1_000_000),
    bodyBytesMax: reader.count("bodyBytesMax", 1, 64 * GIBIBYTE),
    connectionsMax: reader.count("connectionsMax", 1, 1_000_000),
    readers: reader.count("readers", 1, 64),
    shutdownServeMs: reader.count("shutdownServeMs", 0, DAY_MS),
  };
}

function crossCheck(config: NodeConfig, reader: SettingReader): void {
  const { settings, valueBytesMax, bodyBytesMax } = config;
  if (settings.requestTimeoutMs > settings.requestTimeoutMsMax) {
    reader.conflict("requestTimeoutMs", "exceeds", "requestTimeoutMsMax");
  }
  if (valueBytesMax > bodyBytesMax) reader.conflict("valueBytesMax", "exceeds", "bodyBytesMax");
  if (valueBytesMax > settings.recordBytesMax) reader.conflict("valueBytesMax", "exceeds", "recordBytesMax");
}

/** Looks settings up, remembers every problem, and goes on with a stand-in value, so that all are found. */
class SettingReader {
  readonly problems: string[] = [];
  readonly #source: ConfigSource;
  readonly #rows = new Map(settingsTable.map((row) => [row.name, row]));

  constructor(source: ConfigSource) {
    this.#source = source;
    const known = new Set(settingsTable.map((row) => row.flag));
    for (const flag of Object.keys(source.flags)) {
      if (!known.has(flag)) this.problems.push(`${flag} is not a setting`);
    }
  }

  required(name: SettingName): string {
    const { text } = this.#look(name);
    const { env, flag, description } = this.#row(name);
    if (text === "") this.problems.push(`${env} (or ${flag}) is missing: ${description}`);
    return text;
  }

  value<T>(name: SettingName, parse: (text: string) => Parsed<T>, standIn: T): T {
    const { text, shown } = this.#look(name);
    const parsed = parse(text);
    if (parsed.ok) return parsed.value;
    this.problems.push(`${shown} ${parsed.problem}`);
    return standIn;
  }

  count(name: SettingName, min: number, max: number): number {
    const standIn = Number(this.#row(name).defaultText);
    return this.value(name, (text) => parseCount(text, { min, max }), standIn);
  }

  /** Undefined where none is given. */
  optionalCount(name: SettingName, min: number, max: number): number | undefined {
    return this.#look(name).text === "" ? undefined : this.count(name, min, max);
  }

  address(name: SettingName): HostAndPort {
    return this.value(name, parseHostAndPort, { host: "127.0.0.1", port: 0 });
  }

  /** What others are told; must not be a wildcard, whoever it comes from. */
  advertised(name: SettingName, fallback: HostAndPort): HostAndPort {
    const { text, shown } = this.#look(name);
    const address = text === "" ? fallback : this.address(name);
    if (isWildcard(address.host)) {
      const found = text === "" ? `${this.#row(name).env} is missing, and the address listened on` : shown;
      this.problems.push(`${found} (${formatHostAndPort(address)}) is no address that others can connect to`);
    }
    return address;
  }

  conflict(left: SettingName, relation: string, right: SettingName): void {
    this.problems.push(`${this.#look(left).shown} ${relation} ${this.#look(right).shown}`);
  }

  #look(name: SettingName): { text: string; shown: string } {
    const { env, flag, defaultText } = this.#row(name);
    const given = this.#source.flags[flag];
    const text = (given ?? this.#source.env[env] ?? "").trim() || (defaultText ?? "");
    return { text, shown: `${given === undefined ? env : flag}=${text}` };
  }

  #row(name: SettingName): SettingDescription {
    return this.#rows.get(name)!;
  }
}

function parseZone(text: string): Parsed<string> {
  if (ZONE.test(text)) return { ok: true, value: text };
  return { ok: false, problem: "is not at most 63 letters, digits, '.', '_' or '-'" };
}

function parseLogLevel(text: string): Parsed<LogLevel> {
  switch (text) {
    case "error":
    case "warn":
    case "info":
    case "debug":
      return { ok: true, value: text };
    default:
      return { ok: false, problem: "is not error, warn, info or debug" };
  }
}

/** Kubernetes adds variables named after Services, one of which may be called "dynamo", so a name that is not known is only a warning. */
function unknownVariables({ env }: ConfigSource): string[] {
  const known = new Set(settingsTable.map((row) => row.env));
  return Object.keys(env)
    .filter((name) => name.startsWith("DYNAMO_") && !known.has(name))
    .map((name) => `${name} is set but is not a setting of a node`);
}

function deepFreeze(config: NodeConfig): NodeConfig {
  for (const part of Object.values(config) as unknown[]) Object.freeze(part);
  return Object.freeze(config);
}
