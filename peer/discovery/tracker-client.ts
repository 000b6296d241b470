/**
 * A client of one tracker: what may be asked of it, and what its replies mean.
 *
 * A tracker that is older than a request answers `UNKNOWN_COMMAND`, which is thrown as it is. Rows that cannot be read are left out:
 * one bad peer must not hide the others. So are peers at a loopback address where the tracker is not at one: nobody elsewhere may have
 * us talk to what listens on this machine alone.
 */
import { asShoalError, protocolError, type ShoalError } from '../../common/core/errors.js';
import type { FileName } from '../../common/core/file-name.js';
import { parseSearchText } from '../../common/core/fold.js';
import { LOOKUP_ROWS_MAX_COUNT, PAGE_ROWS_MAX_COUNT, TRACKER_PIPELINE_MAX_COUNT } from '../../common/core/limits.js';
import { formatPeerAddress, type HostPort, isLoopback, type PeerAddress } from '../../common/core/peer-address.js';
import type { ContentRoot } from '../../common/core/root.js';
import type { Page } from '../../common/wire/peer-documents.js';
import type { ContentRef, PageRequest } from '../../common/wire/peer-lines.js';
import {
  type ContentInfo,
  type Lease,
  type LookupRow,
  type PageHead,
  type PeerInfo,
  parseContentRow,
  parseLease,
  parseLookupRow,
  parseOkCount,
  parsePageHead,
  parsePeerRow,
  parseStats,
  type TrackerStats,
} from '../../common/wire/tracker-replies.js';
import type { PeerState, TrackerRequest } from '../../common/wire/tracker-requests.js';
import type { TrackerChannel } from './tracker-channel.js';

export type RegisterRequest = Extract<TrackerRequest, { verb: 'REGISTER' }>;

export class TrackerClient {
  readonly #channel: TrackerChannel;

  constructor(channel: TrackerChannel) {
    this.#channel = channel;
  }

  get tracker(): HostPort {
    return this.#channel.tracker;
  }

  /** Who has a content; at most LOOKUP_ROWS_MAX_COUNT rows, none twice, malformed ones left out. Throws `NETWORK`, `PROTOCOL` or the tracker's ERR. */
  async lookup(content: ContentRef, maxCount?: number): Promise<LookupRow[]> {
    const rows = new Map<string, LookupRow>();
    for (const row of (await this.#page({ verb: 'LOOKUP', content, maxCount }, LOOKUP_ROWS_MAX_COUNT, parseLookupRow)).rows) {
      if (this.#mayName(row.address)) rows.set(`${formatPeerAddress(row.address)} ${row.sizeBytes} ${row.root ?? '-'}`, row);
    }
    return [...rows.values()];
  }

  /** The contents of a name or a root; empty where nobody has it. Throws as `lookup`. */
  async info(content: ContentRef, maxCount?: number): Promise<readonly ContentInfo[]> {
    return (await this.#page({ verb: 'INFO', content, maxCount }, PAGE_ROWS_MAX_COUNT, parseContentRow)).rows;
  }

  /** Contents whose name holds a text, in whatever case and Unicode form. Throws as `lookup`, and `BAD_REQUEST` for a text that none may be. */
  async search(text: string, page: PageRequest = {}): Promise<Page<ContentInfo>> {
    return this.#page({ verb: 'SEARCH', text: parseSearchText(text), ...page }, PAGE_ROWS_MAX_COUNT, parseContentRow);
  }

  /** Every content that the tracker knows. Throws as `lookup`. */
  list(page: PageRequest = {}): Promise<Page<ContentInfo>> {
    return this.#page({ verb: 'LIST', ...page }, PAGE_ROWS_MAX_COUNT, parseContentRow);
  }

  /** Every peer that the tracker knows, or those of a group. Throws as `lookup`. */
  async peers(page: PageRequest & { readonly group?: string | undefined } = {}): Promise<Page<PeerInfo>> {
    const { rows, next } = await this.#page({ verb: 'PEERS', ...page }, PAGE_ROWS_MAX_COUNT, parsePeerRow);
    return { rows: rows.filter(({ address }) => this.#mayName(address)), next };
  }

  /** What the tracker tells of itself. Throws as `lookup`. */
  stats(): Promise<TrackerStats> {
    return this.#line({ verb: 'STATS' }, parseStats);
  }

  /** Registers many contents, pipelined; one result each, in order. Throws `NETWORK` where the tracker is gone. */
  async register(requests: readonly RegisterRequest[]): Promise<(Lease | ShoalError)[]> {
    const results: (Lease | ShoalError)[] = new Array(requests.length);
    let next = 0;
    let isOver = false;
    const registerSome = async () => {
      while (next < requests.length && !isOver) {
        const at = next;
        next += 1;
        const request = requests[at];
        if (request !== undefined) results[at] = await this.#line(request, parseLease).catch(refusalOrThrow);
      }
    };
    const lanes = Array.from({ length: Math.min(TRACKER_PIPELINE_MAX_COUNT, requests.length) }, registerSome);
    await Promise.all(lanes).finally(() => {
      // Where one failed, the others stop too, and do not dial anew behind the caller's back.
      isOver = true;
    });
    return results;
  }

  /** Makes this peer known, whether it has a file or not. Throws as `lookup`. */
  join(address: string, state: PeerState & { readonly group?: string | undefined } = {}): Promise<Lease> {
    return this.#line({ verb: 'JOIN', address, ...state }, parseLease);
  }

  /** Tells that this peer lives, and how many contents it has registered. Throws `NOT_FOUND` where the tracker does not know it (any more). */
  alive(address: string, state: PeerState & { readonly fileCount?: number | undefined } = {}): Promise<Lease> {
    return this.#line({ verb: 'ALIVE', address, ...state }, parseLease);
  }

  /** Takes back what an address has under a name, or only the content with this root; returns how many registrations there were. */
  withdraw(name: FileName, address: string, root?: ContentRoot): Promise<number> {
    return this.#line({ verb: 'WITHDRAW', name, address, root }, parseAnyCount);
  }

  /** Takes back every registration of an address; returns how many there were. */
  unregister(address: string): Promise<number> {
    return this.#line({ verb: 'UNREGISTER', address }, parseAnyCount);
  }

  /** Closes the channel; open requests fail. Idempotent. */
  close(): Promise<void> {
    return this.#channel.close();
  }

  /** Whether it is for the tracker, which has answered, to send us to an address. */
  #mayName({ ip }: PeerAddress): boolean {
    const { remoteIp } = this.#channel;
    return !isLoopback(ip) || (remoteIp !== undefined && isLoopback(remoteIp));
  }

  /** A request whose reply is one line. */
  async #line<Reply>(request: TrackerRequest, parse: (line: string) => Reply): Promise<Reply> {
    let reply: { readonly value: Reply } | undefined;
    await this.#channel.request(request, (line) => {
      reply = { value: parse(line) };
      return true;
    });
    if (reply === undefined) throw protocolError('The tracker gave no reply.');
    return reply.value;
  }

  /** A request whose reply is a line that counts rows, and these rows; at most `maxCount` are taken. */
  async #page<Row>(request: TrackerRequest, maxCount: number, parse: (line: string) => Row): Promise<Page<Row>> {
    let head: PageHead | undefined;
    let leftCount = 0;
    const rows: Row[] = [];
    await this.#channel.request(request, (line) => {
      if (head === undefined) {
        head = parsePageHead(line, maxCount);
        leftCount = head.rowCount;
      } else {
        leftCount -= 1;
        const row = rowOf(line, parse);
        if (row !== undefined) rows.push(row);
      }
      return leftCount === 0;
    });
    return { rows, next: head?.next };
  }
}

function parseAnyCount(line: string): number {
  return parseOkCount(line, Number.MAX_SAFE_INTEGER);
}

function rowOf<Row>(line: string, parse: (line: string) => Row): Row | undefined {
  try {
    return parse(line);
  } catch {
    return undefined;
  }
}

/** What the tracker refused is a result; what broke the connection ends the whole. */
function refusalOrThrow(error: unknown): ShoalError {
  const shoal = asShoalError(error);
  if (shoal.code === 'NETWORK' || shoal.code === 'PROTOCOL' || shoal.code === 'STOPPED') throw shoal;
  return shoal;
}
