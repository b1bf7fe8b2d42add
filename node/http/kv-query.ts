import type { RequestOptions } from "../core/coordinator/requests.ts";
import { BadRequest, type BadRequestCode } from "./bad-request.ts";

/**
 * The query of a key-value request: r, w, pr, pw, timeout_ms, each at most once, each a plain decimal integer. A
 * name that is not known is refused, because a misspelt `w=3` that is ignored is a durability bug. Whether a quorum
 * fits N is the coordinator's to say: N is in the ring.
 */
export const noOptions: RequestOptions = {
  r: undefined,
  w: undefined,
  pr: undefined,
  pw: undefined,
  timeoutMs: undefined,
};

/** No ring has more replicas; see RingParameters. */
const QUORUM_MAX = 7;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Timeouts beyond `timeoutMsMax` are cut to it. */
export function parseKvQuery(query: string, timeoutMsMax: number): RequestOptions | BadRequest {
  if (query === "") return noOptions;
  const options: Writable<RequestOptions> = { ...noOptions };
  for (const part of query.split("&")) {
    const equals = part.indexOf("=");
    const name = equals === -1 ? part : part.slice(0, equals);
    const field = fieldOf(name);
    if (field === undefined) {
      const known = "r, w, pr, pw, timeout_ms";
      return new BadRequest(
        400,
        "invalid_query",
        `unknown query parameter ${quoted(name)}; known are ${known}`,
      );
    }
    const code: BadRequestCode = field === "timeoutMs" ? "invalid_timeout" : "invalid_quorum";
    if (options[field] !== undefined) return new BadRequest(400, code, `${name} is given twice`);
    const value = parseInteger(equals === -1 ? "" : part.slice(equals + 1));
    if (value === undefined || value < 1 || (field !== "timeoutMs" && value > QUORUM_MAX)) {
      const range =
        field === "timeoutMs"
          ? "a whole number of milliseconds from 1"
          : `an integer from 1 to ${QUORUM_MAX}`;
      return new BadRequest(400, code, `${name} is not ${range}`);
    }
    options[field] = field === "timeoutMs" ? Math.min(value, timeoutMsMax) : value;
  }
  return options;
}

function fieldOf(name: string): keyof RequestOptions | undefined {
  switch (name) {
    case "r":
    case "w":
    case "pr":
    case "pw":
      return name;
    case "timeout_ms":
      return "timeoutMs";
    default:
      return undefined;
  }
}

/** Digits only: neither sign, nor space, nor exponent; at most 15 of them, so that the number is exact. */
export function parseInteger(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}
