/**
 * What the tracker answers. Pure, and the one door to the registry for every front end.
 *
 * It owns the rules of the contract: a source speaks for its own IP address only (unless `allowForeign`), `*` is the address it is
 * seen at, a name that nobody has is `OK 0`. A front end says how long a reply may be; what does not fit is left for the next page.
 *
 * A peer on the tracker's own machine is seen at a loopback address, which is of no use to others. An asker from elsewhere is given
 * such a peer with the address at which that asker reached the tracker: the same machine, seen from there. An asker on the machine
 * itself is given it as it is kept. So `--tracker localhost` works for sharing on the tracker's machine.
 */
import { asShoalError, ShoalError, WIRE_CODES } from '../common/core/errors.js';
import { LOOKUP_ROWS_DEFAULT_COUNT, PAGE_MAX_BYTES, PAGE_ROWS_DEFAULT_COUNT } from '../common/core/limits.js';
import { formatPeerAddress, isLoopback, type PeerAddress, parseOwnAddress, sourceOf } from '../common/core/peer-address.js';
import type { Log } from '../common/node/log.js';
import { formatErr } from '../common/wire/tokens.js';
import {
  formatContentRow,
  formatLease,
  formatLookupRow,
  formatPeerRow,
  formatStats,
  type LookupRow,
  type TrackerFigures,
} from '../common/wire/tracker-replies.js';
import { TRACKER_USAGES, type TrackerRequest, type TrackerVerb, withUsage } from '../common/wire/tracker-requests.js';
import { type ReplyRoom, replyOfPage, replyOfRows } from './pages.js';
import type { Holding } from './registry/holding.js';
import type { Registry } from './registry/registry.js';

/** Who asks, as the front end sees it: canonical IP addresses. */
export interface Source {
  readonly ip: string;
  /** The address of the tracker that the asker reached. */
  readonly localIp: string;
}

export interface LogicOptions {
  readonly intervalMs: number;
  readonly ttlMs: number;
  readonly allowForeign: boolean;
}

export interface LogicParts {
  readonly registry: Registry;
  readonly log: Log;
  /** What STATS tells and the logic cannot know. */
  readonly surroundings: () => Pick<TrackerFigures, 'connections' | 'udp' | 'uptime' | 'version'>;
}

type Request<Verb extends TrackerVerb> = Extract<TrackerRequest, { verb: Verb }>;

/** The room of a front end that cuts no reply: a page ends there, and nothing else is as long. */
const PAGE_ROOM: ReplyRoom = { maxBytes: PAGE_MAX_BYTES };

export class TrackerLogic {
  readonly #registry: Registry;
  readonly #options: LogicOptions;
  readonly #log: Log;
  readonly #surroundings: LogicParts['surroundings'];
  readonly #counts = { requests: 0, registers: 0, lookups: 0, searches: 0 };

  constructor(parts: LogicParts, options: LogicOptions) {
    this.#registry = parts.registry;
    this.#log = parts.log;
    this.#surroundings = parts.surroundings;
    this.#options = options;
  }

  /** What STATS tells. */
  figures(): TrackerFigures {
    return { ...this.#registry.counts, ...this.#counts, ...this.#surroundings() };
  }

  /** The whole reply, each line with its LF, within `room` wherever it has rows. Never throws. */
  handle(request: TrackerRequest, source: Source, nowMs: number, room = PAGE_ROOM): string {
    this.#counts.requests += 1;
    try {
      return this.#answer(request, source, nowMs, room);
    } catch (error) {
      return this.refusal(withUsage(error, request.verb));
    }
  }

  /** The reply that an error stands for. What is our own mistake is logged, and told without its text. */
  refusal(error: unknown): string {
    const { code, message } = asShoalError(error);
    const wireCode = WIRE_CODES.find((known) => known === code);
    if (error instanceof ShoalError && wireCode !== undefined && wireCode !== 'INTERNAL') return formatErr(wireCode, message);
    this.#log.error({ err: error }, 'request failed');
    return formatErr('INTERNAL', 'The tracker made a mistake; it is in its log.');
  }

  #answer(request: TrackerRequest, source: Source, nowMs: number, room: ReplyRoom): string {
    switch (request.verb) {
      case 'REGISTER':
        return this.#register(request, source, nowMs);
      case 'LOOKUP':
        return this.#lookup(request, source, nowMs, room);
      case 'INFO':
        return this.#info(request, nowMs, room);
      case 'SEARCH':
      case 'LIST':
        return this.#contents(request, nowMs, room);
      case 'WITHDRAW':
        return this.#withdraw(request, source, nowMs);
      case 'UNREGISTER':
        return this.#unregister(request, source, nowMs);
      case 'JOIN':
        return this.#join(request, source, nowMs);
      case 'ALIVE':
        return this.#alive(request, source, nowMs);
      case 'PEERS':
        return this.#peers(request, source, nowMs, room);
      case 'STATS':
        return formatStats(this.figures());
      case 'HELP':
        return `OK ${USAGE_LINES.length}\n${USAGE_LINES.join('')}`;
      case 'QUIT':
        return 'OK\n';
    }
  }

  #register(request: Request<'REGISTER'>, source: Source, nowMs: number): string {
    this.#counts.registers += 1;
    const { name, sizeBytes, attributes } = request;
    const address = this.#ownAddress(request.address, source);
    const { root, haveChunks, load, type, checksum } = attributes;
    const { intervalMs, ttlMs } = this.#options;
    const registration = { name, sizeBytes, root, haveChunks, load, type, checksum, address, source: sourceOf(source.ip) };
    if (this.#registry.register(registration, nowMs)) {
      this.#log.debug({ name, sizeBytes, root, address: formatPeerAddress(address) }, 'registered');
    }
    return formatLease({ intervalMs, ttlMs, address });
  }

  #lookup({ content, maxCount }: Request<'LOOKUP'>, source: Source, nowMs: number, room: ReplyRoom): string {
    this.#counts.lookups += 1;
    const holdings = this.#registry.lookup(content, maxCount ?? LOOKUP_ROWS_DEFAULT_COUNT, nowMs);
    return replyOfRows(holdings, room, (holding) => formatLookupRow(rowFor(holding, source)));
  }

  #info({ content, maxCount }: Request<'INFO'>, nowMs: number, room: ReplyRoom): string {
    const page = { maxCount: maxCount ?? PAGE_ROWS_DEFAULT_COUNT, maxBytes: room.maxBytes };
    return replyOfRows(this.#registry.info(content, page, nowMs), room, formatContentRow);
  }

  #contents(request: Request<'SEARCH' | 'LIST'>, nowMs: number, { maxBytes }: ReplyRoom): string {
    if (request.verb === 'SEARCH') this.#counts.searches += 1;
    const ask = (maxCount: number) => {
      const page = { after: request.after, maxCount, maxBytes };
      return request.verb === 'SEARCH' ? this.#registry.search(request.text, page, nowMs) : this.#registry.list(page, nowMs);
    };
    return replyOfPage(ask, request.maxCount ?? PAGE_ROWS_DEFAULT_COUNT, { maxBytes }, formatContentRow);
  }

  #peers({ after, group, maxCount }: Request<'PEERS'>, source: Source, nowMs: number, { maxBytes }: ReplyRoom): string {
    const ask = (count: number) => this.#registry.peers({ after, group, maxCount: count, maxBytes }, nowMs);
    return replyOfPage(ask, maxCount ?? PAGE_ROWS_DEFAULT_COUNT, { maxBytes }, (peer) =>
      formatPeerRow({ ...peer, address: addressFor(peer.address, source) }),
    );
  }

  #withdraw({ name, address: text, root }: Request<'WITHDRAW'>, source: Source, nowMs: number): string {
    const address = this.#ownAddress(text, source);
    const count = this.#registry.withdraw(name, address, root, nowMs);
    if (count > 0) this.#log.debug({ name, root, address: formatPeerAddress(address), count }, 'withdrawn');
    return `OK ${count}\n`;
  }

  #join({ address: text, load, acceptBytes, group }: Request<'JOIN'>, source: Source, nowMs: number): string {
    const address = this.#ownAddress(text, source);
    this.#registry.join({ address, source: sourceOf(source.ip), load, acceptBytes, group }, nowMs);
    const { intervalMs, ttlMs } = this.#options;
    return formatLease({ intervalMs, ttlMs, address });
  }

  #unregister(request: Request<'UNREGISTER'>, source: Source, nowMs: number): string {
    const address = this.#ownAddress(request.address, source);
    const count = this.#registry.unregister(address, nowMs);
    if (count > 0) this.#log.debug({ address: formatPeerAddress(address), count }, 'unregistered');
    return `OK ${count}\n`;
  }

  #alive(request: Request<'ALIVE'>, source: Source, nowMs: number): string {
    const address = this.#ownAddress(request.address, source);
    const { load, acceptBytes } = request;
    const fileCount = this.#registry.alive(address, { load, acceptBytes }, nowMs);
    if (fileCount === undefined) {
      throw new ShoalError('NOT_FOUND', 'remote', 'Nothing is registered at this address; register again.');
    }
    const { intervalMs, ttlMs } = this.#options;
    const lease = { intervalMs, ttlMs, address: undefined };
    // Only for whoever says its own, since others may read the reply to its end.
    return formatLease(request.fileCount === undefined ? lease : { ...lease, fileCount });
  }

  /** Throws `BAD_REQUEST`, or `DENIED` where it is not the source's to speak for. */
  #ownAddress(text: string, source: Source): PeerAddress {
    const address = parseOwnAddress(text, source.ip);
    // One text for one source keeps memory small: the parsed IP is a part of its line.
    if (address.ip === source.ip) return { ip: source.ip, port: address.port };
    if (!this.#options.allowForeign) {
      throw new ShoalError(
        'DENIED',
        'remote',
        `You are seen at ${source.ip} and speak for that address only; use *:port, or the tracker needs --allow-foreign.`,
      );
    }
    if (isLoopback(address.ip) && !isLoopback(source.ip)) {
      throw new ShoalError('DENIED', 'remote', 'A loopback address is of no use to others; use *:port.');
    }
    return address;
  }
}

const USAGE_LINES = Object.values(TRACKER_USAGES).map((usage) => `${usage}\n`);

/** A peer's address as the asker can reach it. */
function addressFor(address: PeerAddress, source: Source): PeerAddress {
  return isLoopback(address.ip) && !isLoopback(source.ip) ? { ip: source.localIp, port: address.port } : address;
}

function rowFor({ content, peer, haveChunks }: Holding, source: Source): LookupRow {
  const row: { -readonly [K in keyof LookupRow]: LookupRow[K] } = {
    address: addressFor(peer.address, source),
    sizeBytes: content.sizeBytes,
    root: content.root,
  };
  if (haveChunks >= 0) row.haveChunks = haveChunks;
  if (peer.load >= 0) row.load = peer.load;
  return row;
}
