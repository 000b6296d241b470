/**
 * What a tracker answers, both ways, as lines. Requests are in `tracker-requests.ts`.
 *
 * Readers throw what an ERR stands for, and `PROTOCOL` where a first line is none of a tracker. A row that cannot be read throws
 * `BAD_REQUEST`; attributes of a row that are unknown, or make no sense, are left out.
 */
import { ShoalError } from '../core/errors.js';
import { decodeFileName, encodeFileName, type FileName } from '../core/file-name.js';
import { formatPeerAddress, type PeerAddress, parsePeerAddress } from '../core/peer-address.js';
import { type ContentRoot, parseContentRoot } from '../core/root.js';
import {
  ANY_COUNT,
  attributeMaybe,
  CHECKSUM,
  CHUNK_COUNT,
  CURSOR,
  countUpTo,
  formatAttributes,
  LABEL,
  LOAD,
  MEDIA_TYPE,
} from './attributes.js';
import { type Attributes, parseAttributes, parseCount, parseErr, parseFileSize, splitTokens } from './tokens.js';

/** The reply to REGISTER and JOIN, with the address, and to ALIVE, without. */
export interface Lease {
  readonly intervalMs: number;
  readonly ttlMs: number;
  readonly address: PeerAddress | undefined;
  /** Registrations of the address, which ALIVE tells. */
  readonly fileCount?: number;
}

/** One row of a LOOKUP reply. */
export interface LookupRow {
  readonly address: PeerAddress;
  readonly sizeBytes: number;
  /** `undefined` where the peer gave none: what it serves cannot be verified. */
  readonly root: ContentRoot | undefined;
  readonly haveChunks?: number | undefined;
  readonly load?: number | undefined;
}

/** One content as a tracker knows it: a row of INFO, SEARCH and LIST. */
export interface ContentInfo {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly root: ContentRoot | undefined;
  /** Peers that have all of it. */
  readonly completeCount: number;
  /** Peers that have a part of it. */
  readonly partialCount: number;
  readonly type?: string | undefined;
  readonly checksum?: string | undefined;
}

/** One peer as a tracker knows it: a row of PEERS. */
export interface PeerInfo {
  readonly address: PeerAddress;
  readonly fileCount: number;
  /** Milliseconds since it was last heard of; whole seconds on the wire. */
  readonly seenMs: number;
  readonly load?: number | undefined;
  readonly acceptBytes?: number | undefined;
  readonly group?: string | undefined;
}

/** The first line of a page. */
export interface PageHead {
  readonly rowCount: number;
  /** What the next page is asked for with; `undefined` exactly where this is the last. */
  readonly next: string | undefined;
}

/** The keys of STATS that are numbers, in their order. `uptime` is in seconds; the others count. */
const STATS_KEYS = [
  'entries',
  'peers',
  'names',
  'sources',
  'connections',
  'uptime',
  'requests',
  'registers',
  'lookups',
  'searches',
  'udp',
] as const;

/** What a tracker has and has done since it began. `uptime` is in seconds. */
export type TrackerFigures = { readonly [Key in (typeof STATS_KEYS)[number]]: number } & { readonly version: string };

/** What a tracker tells of itself; what it does not tell is `undefined`. */
export type TrackerStats = { readonly [Key in (typeof STATS_KEYS)[number]]?: number | undefined } & {
  readonly version?: string | undefined;
};

export function formatLease({ intervalMs, ttlMs, address, fileCount }: Lease): string {
  // Rounded down, so that nobody comes later than the lease in force allows.
  const seconds = (ms: number) => Math.max(1, Math.floor(ms / 1000));
  const kept = address === undefined ? '' : ` address=${formatPeerAddress(address)}`;
  return `OK interval=${seconds(intervalMs)} ttl=${seconds(ttlMs)}${kept}${fileCount === undefined ? '' : ` files=${fileCount}`}\n`;
}

/** Reads the reply to REGISTER, JOIN or ALIVE. Throws the error it stands for, or `PROTOCOL`. */
export function parseLease(line: string): Lease {
  const attributes = parseOk(line);
  const seconds = (key: string): number => {
    const value = attributeMaybe(attributes, key, LEASE_SECONDS);
    if (value === undefined) throw new ShoalError('PROTOCOL', 'remote', `The tracker's reply lacks a good ${key}=.`);
    return value * 1000;
  };
  const address = attributes.get('address');
  const fileCount = attributeMaybe(attributes, 'files', ANY_COUNT);
  return {
    intervalMs: seconds('interval'),
    ttlMs: seconds('ttl'),
    address: address === undefined ? undefined : parsePeerAddress(address),
    ...(fileCount === undefined ? {} : { fileCount }),
  };
}

const LEASE_SECONDS = countUpTo(86_400, 1);

/** The number in `OK <n>`. Throws the error the line stands for, or `PROTOCOL`. */
export function parseOkCount(line: string, max: number): number {
  parseOk(line);
  const count = parseCount(line.split(' ')[1] ?? '', max);
  if (count === undefined) throw new ShoalError('PROTOCOL', 'remote', 'The reply is not "OK <n>"; is this a tracker?');
  return count;
}

/** The line before the rows of a page, with its LF. */
export function formatPageHead({ rowCount, next }: PageHead): string {
  return `OK ${rowCount}${formatAttributes({ next })}\n`;
}

/** Reads `OK <n> [next=<cursor>]`. Throws the error the line stands for, or `PROTOCOL`. */
export function parsePageHead(line: string, maxCount: number): PageHead {
  const rowCount = parseOkCount(line, maxCount);
  const next = parseOk(line).get('next');
  if (next !== undefined && CURSOR.read(next) === undefined) {
    throw new ShoalError('PROTOCOL', 'remote', 'The reply gives a next page that cannot be asked for; is this a tracker?');
  }
  return { rowCount, next };
}

/** One row, with its LF. */
export function formatLookupRow({ address, sizeBytes, root, haveChunks, load }: LookupRow): string {
  const have = haveChunks === undefined ? '' : ` have=${haveChunks}`;
  const state = load === undefined ? '' : ` load=${load}`;
  return `${formatPeerAddress(address)} ${sizeBytes} ${root ?? '-'}${have}${state}\n`;
}

/** Reads one row. Throws `BAD_REQUEST`. */
export function parseLookupRow(line: string): LookupRow {
  const [address = '', size = '', root = '', ...rest] = splitTokens(line);
  const attributes = looseAttributes(rest);
  return {
    address: parsePeerAddress(address),
    sizeBytes: parseFileSize(size),
    root: root === '-' ? undefined : parseContentRoot(root),
    haveChunks: attributeMaybe(attributes, 'have', CHUNK_COUNT),
    load: attributeMaybe(attributes, 'load', LOAD),
  };
}

/** One row, with its LF. */
export function formatContentRow({ name, sizeBytes, root, completeCount, partialCount, type, checksum }: ContentInfo): string {
  const tail = formatAttributes({
    holders: completeCount,
    partial: partialCount === 0 ? undefined : partialCount,
    type,
    checksum,
  });
  return `${encodeFileName(name)} ${sizeBytes} ${root ?? '-'}${tail}\n`;
}

/** Reads one row. Throws `BAD_REQUEST`. */
export function parseContentRow(line: string): ContentInfo {
  const [name = '', size = '', root = '', ...rest] = splitTokens(line);
  const attributes = looseAttributes(rest);
  return {
    name: decodeFileName(name),
    sizeBytes: parseFileSize(size),
    root: root === '-' ? undefined : parseContentRoot(root),
    completeCount: attributeMaybe(attributes, 'holders', ANY_COUNT) ?? 0,
    partialCount: attributeMaybe(attributes, 'partial', ANY_COUNT) ?? 0,
    type: attributeMaybe(attributes, 'type', MEDIA_TYPE),
    checksum: attributeMaybe(attributes, 'checksum', CHECKSUM),
  };
}

/** One row, with its LF. */
export function formatPeerRow({ address, fileCount, seenMs, load, acceptBytes, group }: PeerInfo): string {
  const tail = formatAttributes({ files: fileCount, seen: Math.floor(seenMs / 1000), load, accept: acceptBytes, group });
  return `${formatPeerAddress(address)}${tail}\n`;
}

/** Reads one row. Throws `BAD_REQUEST`. */
export function parsePeerRow(line: string): PeerInfo {
  const [address = '', ...rest] = splitTokens(line);
  const attributes = looseAttributes(rest);
  return {
    address: parsePeerAddress(address),
    fileCount: attributeMaybe(attributes, 'files', ANY_COUNT) ?? 0,
    seenMs: 1000 * (attributeMaybe(attributes, 'seen', SEEN_SECONDS) ?? 0),
    load: attributeMaybe(attributes, 'load', LOAD),
    acceptBytes: attributeMaybe(attributes, 'accept', ANY_COUNT),
    group: attributeMaybe(attributes, 'group', LABEL),
  };
}

/** A hundred years, so that it is a whole number in milliseconds too. */
const SEEN_SECONDS = countUpTo(3_155_760_000);

/** The reply to STATS. `version` must be one token. */
export function formatStats(stats: TrackerStats): string {
  const numbers = Object.fromEntries(STATS_KEYS.map((key) => [key, stats[key]]));
  return `OK${formatAttributes({ ...numbers, version: stats.version })}\n`;
}

/** Reads the reply to STATS. Throws the error it stands for, or `PROTOCOL`. */
export function parseStats(line: string): TrackerStats {
  const attributes = parseOk(line);
  const numbers = Object.fromEntries(STATS_KEYS.map((key) => [key, attributeMaybe(attributes, key, ANY_COUNT)]));
  return { ...numbers, version: attributeMaybe(attributes, 'version', LABEL) };
}

function parseOk(line: string): Attributes {
  const error = parseErr(line);
  if (error !== undefined) throw error;
  const [ok, ...rest] = line.split(' ');
  if (ok !== 'OK')
    throw new ShoalError('PROTOCOL', 'remote', 'The reply begins neither with OK nor with ERR; is this a tracker?');
  return looseAttributes(rest);
}

/** What is no `key=value` is left out. */
function looseAttributes(tokens: readonly string[]): Attributes {
  return parseAttributes(tokens.filter((token) => token.indexOf('=') > 0));
}
