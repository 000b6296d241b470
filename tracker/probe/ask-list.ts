/**
 * What does a peer share? Walks its LIST, a page at a time, and hands on each row. Only a walk that came to the last page says anything of
 * what was not in it: one that is refused, makes no sense, is cut off or is too long says nothing.
 */
import { LINE_MAX_BYTES, PAGE_MAX_BYTES, PAGE_ROWS_MAX_COUNT } from '../../common/core/limits.js';
import type { PeerAddress } from '../../common/core/peer-address.js';
import { type Page, parseSharedPage, type SharedRow } from '../../common/wire/peer-documents.js';
import { formatPeerRequest, parseBodyHeader } from '../../common/wire/peer-lines.js';
import { ask, type Question, type QuestionPorts, type ReplyReader } from './question.js';

/** Milliseconds for all pages, and how many they may be: ten times what 100,000 files need. */
const DEADLINE_MS = 30_000;
export const LIST_PAGES_MAX_COUNT = 1000;

export interface ListAnswer {
  /** Whether all of it came. */
  readonly isWhole: boolean;
  /** What was read for it. */
  readonly readBytes: number;
}

export interface ListWalkOptions {
  /** The walk is given up where the list is longer. */
  readonly maxBytes: number;
  /** The peer shares this. */
  readonly row: (row: SharedRow) => void;
}

export function askList(ports: QuestionPorts, address: PeerAddress, options: ListWalkOptions): Question<ListAnswer> {
  return ask(ports, address, DEADLINE_MS, new ListReader(options));
}

const LF = 0x0a;

/** Invariant: at most a line and a page are held, whatever is sent. */
export class ListReader implements ReplyReader<ListAnswer> {
  readonly opening = formatPeerRequest({ verb: 'LIST', page: { maxCount: PAGE_ROWS_MAX_COUNT } });
  readonly #options: ListWalkOptions;
  #held = Buffer.alloc(0);
  #readBytes = 0;
  #pageCount = 0;
  #isWhole = false;

  constructor(options: ListWalkOptions) {
    this.#options = options;
  }

  get answer(): ListAnswer {
    return { isWhole: this.#isWhole, readBytes: this.#readBytes };
  }

  take(bytes: Uint8Array): string | undefined {
    this.#readBytes += bytes.length;
    if (this.#readBytes > this.#options.maxBytes) return undefined;
    this.#held = Buffer.concat([this.#held, bytes]);
    const body = bodyOf(this.#held);
    if (body === 'partly') return '';
    const page = body === 'none' ? undefined : pageOf(body);
    if (page === undefined) return undefined;
    for (const row of page.rows) this.#options.row(row);
    this.#held = Buffer.alloc(0);
    this.#pageCount += 1;
    if (page.next === undefined) this.#isWhole = true;
    if (page.next === undefined || this.#pageCount === LIST_PAGES_MAX_COUNT) return undefined;
    return formatPeerRequest({ verb: 'LIST', page: { maxCount: PAGE_ROWS_MAX_COUNT, after: page.next } });
  }
}

/** The body behind its size, where it is there and nothing follows it: nothing else was asked for. */
function bodyOf(held: Buffer): Buffer | 'partly' | 'none' {
  const at = held.indexOf(LF);
  if (at < 0) return held.length < LINE_MAX_BYTES ? 'partly' : 'none';
  const sizeBytes = parseBodyHeader(held.toString('utf8', 0, at));
  const body = held.subarray(at + 1);
  if (sizeBytes === undefined || sizeBytes > PAGE_MAX_BYTES || body.length > sizeBytes) return 'none';
  return body.length < sizeBytes ? 'partly' : body;
}

function pageOf(body: Buffer): Page<SharedRow> | undefined {
  try {
    return parseSharedPage(body);
  } catch {
    return undefined;
  }
}
