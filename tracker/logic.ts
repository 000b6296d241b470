/**
 * What the tracker answers. Pure, and the one door to the registry for every front end.
 *
 * It owns the rules of the contract: a source speaks for its own IP address only (unless `allowForeign`), `*` is the address it is
 * seen at, a name that nobody has is `OK 0`.
 *
 * A peer on the tracker's own machine is seen at a loopback address, which is of no use to others. An asker from elsewhere is given
 * such a peer with the address at which that asker reached the tracker: the same machine, seen from there. An asker on the machine
 * itself is given it as it is kept. So `--tracker localhost` works for sharing on the tracker's machine.
 */
import { asShoalError, ShoalError, WIRE_CODES } from '../common/core/errors.js';
import { LOOKUP_ROWS_DEFAULT_COUNT, LOOKUP_ROWS_MAX_COUNT } from '../common/core/limits.js';
import { formatPeerAddress, isLoopback, type PeerAddress, parseOwnAddress } from '../common/core/peer-address.js';
import type { Log } from '../common/node/log.js';
import { formatErr } from '../common/wire/tokens.js';
import { formatLease, formatLookupRow, type LookupRow } from '../common/wire/tracker-replies.js';
import type { TrackerRequest } from '../common/wire/tracker-requests.js';
import type { Holding } from './registry/holding.js';
import type { Registry } from './registry/registry.js';
import { sourceOf } from './registry/source-quotas.js';

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

export class TrackerLogic {
  readonly #registry: Registry;
  readonly #options: LogicOptions;
  readonly #log: Log;

  constructor(parts: { readonly registry: Registry; readonly log: Log }, options: LogicOptions) {
    this.#registry = parts.registry;
    this.#log = parts.log;
    this.#options = options;
  }

  /** The whole reply, each line with its LF. Never throws. */
  handle(request: TrackerRequest, source: Source, nowMs: number): string {
    try {
      switch (request.verb) {
        case 'REGISTER':
          return this.#register(request, source, nowMs);
        case 'LOOKUP':
          return this.#lookup(request, source, nowMs);
        case 'UNREGISTER':
          return this.#unregister(request, source, nowMs);
        case 'ALIVE':
          return this.#alive(request, source, nowMs);
        default:
          throw new ShoalError('UNKNOWN_COMMAND', 'remote', `${request.verb} is not answered yet.`);
      }
    } catch (error) {
      return this.refusal(error);
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

  #register(request: Extract<TrackerRequest, { verb: 'REGISTER' }>, source: Source, nowMs: number): string {
    const { name, sizeBytes, attributes } = request;
    const address = this.#ownAddress(request.address, source);
    const { root, haveChunks, load } = attributes;
    const { intervalMs, ttlMs } = this.#options;
    const registration = { name, sizeBytes, root, haveChunks, load, address, source: sourceOf(source.ip) };
    if (this.#registry.register(registration, nowMs)) {
      this.#log.debug({ name, sizeBytes, root, address: formatPeerAddress(address) }, 'registered');
    }
    return formatLease({ intervalMs, ttlMs, address });
  }

  #lookup(request: Extract<TrackerRequest, { verb: 'LOOKUP' }>, source: Source, nowMs: number): string {
    const maxCount = Math.min(request.maxCount ?? LOOKUP_ROWS_DEFAULT_COUNT, LOOKUP_ROWS_MAX_COUNT);
    const holdings = this.#registry.lookup(request.content, maxCount, nowMs);
    let reply = `OK ${holdings.length}\n`;
    for (const holding of holdings) reply += formatLookupRow(rowFor(holding, source));
    return reply;
  }

  #unregister(request: Extract<TrackerRequest, { verb: 'UNREGISTER' }>, source: Source, nowMs: number): string {
    const address = this.#ownAddress(request.address, source);
    const count = this.#registry.unregister(address, nowMs);
    if (count > 0) this.#log.debug({ address: formatPeerAddress(address), count }, 'unregistered');
    return `OK ${count}\n`;
  }

  #alive(request: Extract<TrackerRequest, { verb: 'ALIVE' }>, source: Source, nowMs: number): string {
    const address = this.#ownAddress(request.address, source);
    if (!this.#registry.alive(address, request.load, nowMs)) {
      throw new ShoalError('NOT_FOUND', 'remote', 'Nothing is registered at this address; register again.');
    }
    const { intervalMs, ttlMs } = this.#options;
    return formatLease({ intervalMs, ttlMs, address: undefined });
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

function rowFor({ content, peer, haveChunks }: Holding, source: Source): LookupRow {
  const isHere = isLoopback(peer.address.ip) && !isLoopback(source.ip);
  const row: { -readonly [K in keyof LookupRow]: LookupRow[K] } = {
    address: isHere ? { ip: source.localIp, port: peer.address.port } : peer.address,
    sizeBytes: content.sizeBytes,
    root: content.root,
  };
  if (haveChunks >= 0) row.haveChunks = haveChunks;
  if (peer.load >= 0) row.load = peer.load;
  return row;
}
