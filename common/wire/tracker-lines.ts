/** The tracker protocol: requests and replies, both ways, as lines. */
import { ShoalError } from '../core/errors.js';
import { decodeFileName, encodeFileName, type FileName } from '../core/file-name.js';
import { CHUNKS_MAX_COUNT, LOOKUP_ROWS_MAX_COUNT } from '../core/limits.js';
import { formatPeerAddress, type PeerAddress, parsePeerAddress } from '../core/peer-address.js';
import { type ContentRoot, parseContentRoot } from '../core/root.js';
import { type ContentRef, formatContentRef, parseContentRef } from './peer-lines.js';
import { parseAttributes, parseCount, parseErr, parseFileSize, splitTokens } from './tokens.js';

/** What a REGISTER may say beyond its fixed tokens. */
export interface RegisterAttributes {
  readonly root?: ContentRoot;
  /** Chunks held; absent means all. */
  readonly haveChunks?: number;
  /** 0 (idle) to 100. */
  readonly load?: number;
  readonly type?: string;
  readonly checksum?: string;
}

/** Addresses in requests stay text: only the tracker knows what `*` stands for. */
export type TrackerRequest =
  | {
      readonly verb: 'REGISTER';
      readonly name: FileName;
      readonly sizeBytes: number;
      readonly address: string;
      readonly attributes: RegisterAttributes;
    }
  | { readonly verb: 'LOOKUP'; readonly content: ContentRef; readonly maxCount?: number }
  | { readonly verb: 'UNREGISTER'; readonly address: string }
  | { readonly verb: 'ALIVE'; readonly address: string; readonly load?: number };

/** One row of a LOOKUP reply. */
export interface LookupRow {
  readonly address: PeerAddress;
  readonly sizeBytes: number;
  /** `undefined` where the peer gave none: what it serves cannot be verified. */
  readonly root: ContentRoot | undefined;
  readonly haveChunks?: number;
  readonly load?: number;
}

/** The reply to REGISTER and ALIVE. */
export interface Lease {
  readonly intervalMs: number;
  readonly ttlMs: number;
  readonly address: PeerAddress | undefined;
}

export function formatTrackerRequest(request: TrackerRequest): string {
  switch (request.verb) {
    case 'REGISTER': {
      const { root, haveChunks, load, type, checksum } = request.attributes;
      const pairs = Object.entries({ root, have: haveChunks, load, type, checksum }).filter(([, value]) => value !== undefined);
      const tail = pairs.map(([key, value]) => ` ${key}=${value}`).join('');
      return `REGISTER ${encodeFileName(request.name)} ${request.sizeBytes} ${request.address}${tail}\n`;
    }
    case 'LOOKUP':
      return `LOOKUP ${formatContentRef(request.content)}${request.maxCount === undefined ? '' : ` max=${request.maxCount}`}\n`;
    case 'UNREGISTER':
      return `UNREGISTER ${request.address}\n`;
    case 'ALIVE':
      return `ALIVE ${request.address}${request.load === undefined ? '' : ` load=${request.load}`}\n`;
  }
}

/** Reads a line that is not empty. Throws `BAD_REQUEST` or `UNKNOWN_COMMAND`. */
export function parseTrackerRequest(line: string): TrackerRequest {
  const [verb = '', ...args] = splitTokens(line);
  const take = (count: number, usage: string): string[] => {
    const missing = args.length < count || args.slice(0, count).some((token) => token === '');
    if (missing) throw new ShoalError('BAD_REQUEST', 'remote', `Usage: ${usage}`);
    return args.slice(0, count);
  };
  switch (verb.toUpperCase()) {
    case 'REGISTER': {
      const [name = '', size = '', address = ''] = take(3, 'REGISTER <filename> <filesize> <peer_address> [key=value]...');
      // In the order of the line: a name with a bare space is then told by its size, which is where a person looks.
      const fixed = { name: decodeFileName(name), sizeBytes: parseFileSize(size), address };
      return { verb: 'REGISTER', ...fixed, attributes: registerAttributes(parseAttributes(args.slice(3))) };
    }
    case 'LOOKUP': {
      const [content = ''] = take(1, 'LOOKUP <filename|@root> [max=<n>]');
      const max = parseAttributes(args.slice(1)).get('max');
      const maxCount = max === undefined ? undefined : Math.min(attributeCount('max', max, 1e9), LOOKUP_ROWS_MAX_COUNT);
      return { verb: 'LOOKUP', content: parseContentRef(content), ...(maxCount === undefined ? {} : { maxCount }) };
    }
    case 'UNREGISTER': {
      const [address = ''] = take(1, 'UNREGISTER <peer_address>');
      parseAttributes(args.slice(1));
      return { verb: 'UNREGISTER', address };
    }
    case 'ALIVE': {
      const [address = ''] = take(1, 'ALIVE <peer_address> [load=<0-100>]');
      const load = parseAttributes(args.slice(1)).get('load');
      return { verb: 'ALIVE', address, ...(load === undefined ? {} : { load: attributeCount('load', load, 100) }) };
    }
    default:
      throw new ShoalError('UNKNOWN_COMMAND', 'remote', 'Known commands: REGISTER, LOOKUP, UNREGISTER, ALIVE.');
  }
}

function attributeCount(key: string, text: string, max: number): number {
  const value = parseCount(text, max);
  if (value === undefined) throw new ShoalError('BAD_REQUEST', 'remote', `${key} is a number from 0 to ${max}.`);
  return value;
}

function registerAttributes(attributes: ReadonlyMap<string, string>): RegisterAttributes {
  const [root, have, load, type, checksum] = ['root', 'have', 'load', 'type', 'checksum'].map((key) => attributes.get(key));
  const token = (key: string, text: string, pattern: RegExp): string => {
    if (!pattern.test(text)) throw new ShoalError('BAD_REQUEST', 'remote', `${key} is malformed.`);
    return text;
  };
  return {
    ...(root === undefined || root === '-' ? {} : { root: parseContentRoot(root) }),
    ...(have === undefined ? {} : { haveChunks: attributeCount('have', have, CHUNKS_MAX_COUNT) }),
    ...(load === undefined ? {} : { load: attributeCount('load', load, 100) }),
    ...(type === undefined ? {} : { type: token('type', type, /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/) }),
    ...(checksum === undefined ? {} : { checksum: token('checksum', checksum, /^[a-z0-9-]{1,16}:[0-9a-f]{8,128}$/) }),
  };
}

/** The reply to REGISTER, with the address, and to ALIVE, without. */
export function formatLease({ intervalMs, ttlMs, address }: Lease): string {
  // Rounded down, so that nobody comes later than the lease in force allows.
  const seconds = (ms: number) => Math.max(1, Math.floor(ms / 1000));
  const kept = address === undefined ? '' : ` address=${formatPeerAddress(address)}`;
  return `OK interval=${seconds(intervalMs)} ttl=${seconds(ttlMs)}${kept}\n`;
}

/** Reads the reply to REGISTER or ALIVE. Throws the error it stands for, or `PROTOCOL`. */
export function parseLease(line: string): Lease {
  const attributes = parseOk(line);
  const seconds = (key: string): number => {
    const value = parseCount(attributes.get(key) ?? '', 86_400);
    if (value === undefined || value === 0)
      throw new ShoalError('PROTOCOL', 'remote', `The tracker's reply lacks a good ${key}=.`);
    return value * 1000;
  };
  const address = attributes.get('address');
  return {
    intervalMs: seconds('interval'),
    ttlMs: seconds('ttl'),
    address: address === undefined ? undefined : parsePeerAddress(address),
  };
}

function parseOk(line: string): Map<string, string> {
  const error = parseErr(line);
  if (error !== undefined) throw error;
  const [ok, ...rest] = line.split(' ');
  if (ok !== 'OK')
    throw new ShoalError('PROTOCOL', 'remote', 'The reply begins neither with OK nor with ERR; is this a tracker?');
  return new Map(
    rest
      .filter((token) => token.includes('='))
      .map((token) => [token.slice(0, token.indexOf('=')), token.slice(token.indexOf('=') + 1)]),
  );
}

/** The number in `OK <n>`. Throws the error the line stands for, or `PROTOCOL`. */
export function parseOkCount(line: string, max: number): number {
  parseOk(line);
  const count = parseCount(line.split(' ')[1] ?? '', max);
  if (count === undefined) throw new ShoalError('PROTOCOL', 'remote', 'The reply is not "OK <n>"; is this a tracker?');
  return count;
}

/** One row, with its LF. */
export function formatLookupRow(row: LookupRow): string {
  const have = row.haveChunks === undefined ? '' : ` have=${row.haveChunks}`;
  const load = row.load === undefined ? '' : ` load=${row.load}`;
  return `${formatPeerAddress(row.address)} ${row.sizeBytes} ${row.root ?? '-'}${have}${load}\n`;
}

/** Reads one row. Throws `BAD_REQUEST`. */
export function parseLookupRow(line: string): LookupRow {
  const [address = '', size = '', root = '', ...rest] = splitTokens(line);
  const attributes = new Map(
    rest
      .filter((token) => token.includes('='))
      .map((token) => [token.slice(0, token.indexOf('=')), token.slice(token.indexOf('=') + 1)]),
  );
  const haveChunks = parseCount(attributes.get('have') ?? '', CHUNKS_MAX_COUNT);
  const load = parseCount(attributes.get('load') ?? '', 100);
  return {
    address: parsePeerAddress(address),
    sizeBytes: parseFileSize(size),
    root: root === '-' ? undefined : parseContentRoot(root),
    ...(haveChunks === undefined ? {} : { haveChunks }),
    ...(load === undefined ? {} : { load }),
  };
}
