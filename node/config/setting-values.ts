/** Texts of settings into values. Each parser answers the value, or a string array's worth of trouble as text. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

export interface HostAndPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?|\[[0-9A-Fa-f:.]{2,45}\])$/;

export function parseHostAndPort(text: string): Parsed<HostAndPort> {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, Math.max(colon, 0));
  const port = parseCount(text.slice(colon + 1), { min: 0, max: 65_535 });
  if (!HOST.test(host) || !port.ok)
    return { ok: false, problem: "is not host:port (an IPv6 host in brackets)" };
  return { ok: true, value: { host: host.replace(/^\[|\]$/g, ""), port: port.value } };
}

export function formatHostAndPort({ host, port }: HostAndPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A comma-separated list; empty text is an empty list. */
export function parseAddresses(text: string): Parsed<readonly string[]> {
  const addresses: string[] = [];
  for (const part of text.split(",").map((piece) => piece.trim())) {
    if (part === "") continue;
    const address = parseHostAndPort(part);
    if (!address.ok || address.value.port === 0) {
      return { ok: false, problem: `has ${JSON.stringify(part)}, which is not host:port` };
    }
    addresses.push(formatHostAndPort(address.value));
  }
  return { ok: true, value: [...new Set(addresses)] };
}

/** A plain decimal integer from `min` to `max`, both included. */
export function parseCount(text: string, { min, max }: { min: number; max: number }): Parsed<number> {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return { ok: true, value };
  return { ok: false, problem: `is not an integer from ${min} to ${max}` };
}

/** True of an address that means "every interface": good to listen on, useless to be told. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || /^[0:]+$/.test(host);
}
