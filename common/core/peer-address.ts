/**
 * Addresses as the wire writes them: `IPv4:port`, `[IPv6]:port`, and `*:port` for "the address you see me at".
 *
 * A parsed address is canonical: IPv6 compressed as RFC 5952 says, IPv4-mapped IPv6 turned into IPv4; so two equal addresses are
 * equal strings. Host names are never resolved here.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { ShoalError } from './errors.js';

export interface PeerAddress {
  /** Canonical IP address, without brackets. */
  readonly ip: string;
  /** 1 to 65,535. */
  readonly port: number;
}

/** `host:port` of a tracker; the host may be a name. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

function refuse(text: string, why: string): never {
  throw new ShoalError('BAD_REQUEST', 'remote', `Bad address "${text.slice(0, 80)}": ${why}.`);
}

/** The canonical text of an IP address, or `undefined` where `text` is none. A zone (`%eth0`) is not part of the wire form. */
export function canonicalIp(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const host = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped === null) return host;
  const high = Number.parseInt(mapped[1] ?? '0', 16);
  const low = Number.parseInt(mapped[2] ?? '0', 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** 1 to 65,535 in plain decimal, or `undefined`. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function split(text: string): { host: string; port: number; bracketed: boolean } {
  const colon = text.lastIndexOf(':');
  const bracketed = text.startsWith('[') && text[colon - 1] === ']';
  const portText = text.slice(colon + 1);
  const port = parsePort(portText);
  if (colon < 1 || port === undefined) {
    const isPort = colon > 0 && /^[0-9]+$/.test(portText);
    return refuse(text, isPort ? 'the port must be 1 to 65535' : 'it must be IPv4:port or [IPv6]:port');
  }
  return { host: bracketed ? text.slice(1, colon - 1) : text.slice(0, colon), port, bracketed };
}

/** Reads `IPv4:port` or `[IPv6]:port`. Throws `BAD_REQUEST`, also for addresses that no peer can have (unspecified, multicast). */
export function parsePeerAddress(text: string): PeerAddress {
  const { host, port, bracketed } = split(text);
  // A good host with a colon is IPv6, which is what the brackets are for.
  const ip = bracketed === host.includes(':') ? canonicalIp(host) : undefined;
  if (ip === undefined) return refuse(text, 'it must be IPv4:port or [IPv6]:port');
  if (isUnusable(ip)) return refuse(text, 'no peer can be reached there');
  return { ip, port };
}

/** As `parsePeerAddress`, and `*:port` stands for `seenIp`, the address that the asker is seen at. */
export function parseOwnAddress(text: string, seenIp: string): PeerAddress {
  if (!text.startsWith('*:')) return parsePeerAddress(text);
  const port = parsePort(text.slice(2));
  return port === undefined ? refuse(text, 'the port must be 1 to 65535') : { ip: seenIp, port };
}

/**
 * `host[:port]` as a person types it for a tracker, or a link names it; no host begins with a dash, but the next flag does, and none holds
 * what steers a terminal, since hosts are printed. Throws `USAGE`.
 */
export function parseHostPort(text: string, defaultPort: number): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[^\]\s\p{C}]+)?)\]|([^-:[\]\s/\p{C}][^:[\]\s/\p{C}]*))(?::([0-9]+))?$/u.exec(
    text.trim(),
  );
  const bare = isIPv6(text.trim()) ? text.trim() : undefined;
  const host = bare ?? match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : parsePort(match[3]);
  if (host === undefined || port === undefined || (match?.[1] !== undefined && !isIPv6(match[1]))) {
    throw new ShoalError('USAGE', 'local', `"${text}" is no host:port (for example 192.168.1.5:${defaultPort}).`);
  }
  return { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

export function formatPeerAddress({ ip, port }: PeerAddress): string {
  // A canonical IP with a colon is IPv6; the full test would cost more than the rest of a LOOKUP row.
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

export function isLoopback(ip: string): boolean {
  return ip.startsWith('127.') || ip === '::1';
}

/**
 * The source that a canonical IP address belongs to: an IPv4 address or an IPv6 /64, which is what one customer is given and can fill with
 * as many addresses as there are.
 */
export function sourceOf(ip: string): string {
  if (!ip.includes(':')) return ip;
  const [head = '', tail] = ip.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - after.length;
  const all = [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...after];
  return `${all.slice(0, 4).join(':')}::/64`;
}

/** Whether a canonical address is of this machine or of a local network: loopback, private, link-local, unique-local. */
export function isLan(ip: string): boolean {
  return (
    isLoopback(ip) || /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2[0-9]|3[01])\.|fe[89ab][0-9a-f]:|f[cd][0-9a-f]{2}:)/.test(ip)
  );
}

/** Whether no peer can have this address: unspecified, multicast, broadcast, "this network". */
function isUnusable(ip: string): boolean {
  if (!ip.includes(':')) {
    const first = Number.parseInt(ip, 10);
    return first === 0 || first >= 224;
  }
  return ip === '::' || /^ff[0-9a-f]{2}:/.test(ip);
}
