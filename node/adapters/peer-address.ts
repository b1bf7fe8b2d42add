import { isIP } from "node:net";

/** Where a peer listens. Written host:port, an IPv6 host in brackets. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** Undefined where the text is not host:port with a port from 1 to 65535. */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]{1,253})):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port < 1 || port > 65_535) return undefined;
  if (match[1] !== undefined && isIP(match[1]) !== 6) return undefined;
  return { host: match[1] ?? match[2]!, port };
}

export function formatPeerAddress(address: PeerAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** An address that means "every interface": good to listen on, useless to dial. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::" || host === "";
}
