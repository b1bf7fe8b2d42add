import { readFileSync, statSync } from "node:fs";

/**
 * The secret that members of a cluster share: it authenticates peers, admin writes and context tags.
 * One key a line: `<id 0-255> <base64 of at least 16 bytes> [retired <ISO date>]`; `#` begins a comment. The first
 * key that is not retired makes new proofs and tags; retired ones still verify for 30 days, so that a rotation breaks
 * neither a rolling restart nor the contexts that clients hold.
 */
export interface SecretKey {
  /** 0–255. */
  readonly id: number;
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970; undefined while in use. */
  readonly retiredMs: number | undefined;
}

const KEY_BYTES_MIN = 16;
const FILE_BYTES_MAX = 64 * 1024;
const RETIRED_VERIFIES_MS = 30 * 24 * 60 * 60 * 1000;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const ISO_DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/;

export class ClusterSecret {
  readonly #keys: ReadonlyMap<number, SecretKey>;
  readonly #current: SecretKey;
  readonly #wallMs: () => number;

  /** `keys` in the order of the file, one of them not retired. */
  constructor(keys: readonly SecretKey[], wallMs: () => number) {
    const current = keys.find((key) => key.retiredMs === undefined);
    if (current === undefined) throw new TypeError("a cluster secret needs a key that is not retired");
    this.#current = current;
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#wallMs = wallMs;
  }

  get current(): SecretKey {
    return this.#current;
  }

  /** The key that proofs and tags named `id` are verified with; undefined where unknown or retired for too long. */
  verifying(id: number): SecretKey | undefined {
    const key = this.#keys.get(id);
    if (key?.retiredMs === undefined) return key;
    return this.#wallMs() - key.retiredMs <= RETIRED_VERIFIES_MS ? key : undefined;
  }
}

/** Every problem of a secret file at once, each with its line. */
export class BadSecretFile extends Error {
  readonly problems: readonly string[];

  constructor(path: string, problems: readonly string[]) {
    super(`cluster secret ${path}: ${problems.join("; ")}`);
    this.name = "BadSecretFile";
    this.problems = problems;
  }
}

/** Throws BadSecretFile. `warnings` are for the log: the file works, but not as safely as it could. */
export function readClusterSecret(
  path: string,
  wallMs: () => number,
): { secret: ClusterSecret; warnings: string[] } {
  let text: string;
  let mode: number;
  try {
    const stat = statSync(path);
    if (stat.size > FILE_BYTES_MAX) throw new Error(`${stat.size} bytes, more than ${FILE_BYTES_MAX}`);
    mode = stat.mode;
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new BadSecretFile(path, [`cannot be read (${(error as Error).message})`]);
  }
  const warnings: string[] = [];
  if ((mode & 0o004) !== 0) warnings.push(`${path} is readable by every user of this machine: chmod 600 it`);
  const { keys, problems } = parseSecretKeys(text);
  if (problems.length > 0) throw new BadSecretFile(path, problems);
  return { secret: new ClusterSecret(keys, wallMs), warnings };
}

export function parseSecretKeys(text: string): { keys: SecretKey[]; problems: string[] } {
  const keys: SecretKey[] = [];
  const problems: string[] = [];
  const lineOfId = new Map<number, number>();
  text.split("\n").forEach((raw, index) => {
    const line = raw.replace(/#.*$/, "").trim();
    if (line === "") return;
    const parsed = parseLine(line);
    if (typeof parsed === "string") {
      problems.push(`line ${index + 1}: ${parsed}`);
      return;
    }
    const earlier = lineOfId.get(parsed.id);
    if (earlier !== undefined)
      problems.push(`line ${index + 1}: key id ${parsed.id} was given on line ${earlier}`);
    lineOfId.set(parsed.id, index + 1);
    keys.push(parsed);
  });
  if (problems.length === 0 && !keys.some((key) => key.retiredMs === undefined)) {
    problems.push("no key in use (give at least one line without `retired`)");
  }
  return { keys, problems };
}

/** The key, or what is wrong with the line; never quotes the key's bytes. */
function parseLine(line: string): SecretKey | string {
  const [idText, base64, retired, date, ...rest] = line.split(/\s+/);
  if (!/^\d{1,3}$/.test(idText!) || Number(idText) > 255) return "the key id must be a number from 0 to 255";
  if (base64 === undefined) return "the key is missing after its id";
  if (!BASE64.test(base64)) return "the key is not base64 (with padding)";
  const bytes = new Uint8Array(Buffer.from(base64, "base64"));
  if (bytes.length < KEY_BYTES_MIN)
    return `the key has ${bytes.length} bytes, at least ${KEY_BYTES_MIN} are needed`;
  if (retired === undefined) return { id: Number(idText), bytes, retiredMs: undefined };
  if (retired !== "retired" || rest.length > 0) return "after the key only `retired <ISO date>` may follow";
  const retiredMs = ISO_DATE.test(date ?? "") ? Date.parse(date!) : NaN;
  if (Number.isNaN(retiredMs)) return "`retired` needs an ISO date, such as 2026-01-31";
  return { id: Number(idText), bytes, retiredMs };
}
