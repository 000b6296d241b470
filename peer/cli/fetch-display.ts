/** How a fetch is shown: notes and a bar for a person, one event a line for a program. */
import { formatBytes, formatDuration, formatRate } from '../../common/core/units.js';
import { printable } from '../../common/wire/tokens.js';
import type { FetchEvent, FetchResult } from '../fetch/fetch-events.js';
import type { Progress } from './progress.js';
import type { whyTable } from './why-table.js';

export interface FetchDisplay {
  event(event: FetchEvent): void;
  result(result: FetchResult): void;
}

/** For a person: progress and notes on standard error, the result on standard output. */
export class PersonDisplay implements FetchDisplay {
  readonly #progress: Progress;
  readonly #table: typeof whyTable | undefined;
  /** Peers whose trouble was told: each is told once. */
  readonly #told = new Set<string>();
  /** Peers that were connected: that they go, and are not there any more, is ordinary in a swarm. */
  readonly #met = new Set<string>();

  /** `table`: how the end shows where the time went, if it shall. */
  constructor(progress: Progress, table?: typeof whyTable) {
    this.#progress = progress;
    this.#table = table;
  }

  event(event: FetchEvent): void {
    switch (event.event) {
      case 'phase':
        if (event.totalBytes > 0) this.#progress.phase(printable(event.what), event.totalBytes, event.doneBytes);
        else if (event.phase !== 'finish') this.#progress.wait(printable(event.what));
        return;
      case 'progress':
        this.#progress.update(
          event.doneBytes,
          event.phase === 'fetch' ? `${event.peers} peer${event.peers === 1 ? '' : 's'}` : '',
        );
        return;
      default: {
        if (event.event === 'peer-connected') this.#met.add(event.address);
        if (event.event === 'peer-failed' && this.#met.has(event.address)) return;
        const text = noteOf(event);
        const isTurn = event.event === 'disk-full' || event.event === 'disk-room';
        if (text === undefined || (this.#told.has(text) && !isTurn)) return;
        this.#told.add(text);
        this.#progress.note(text);
      }
    }
  }

  result(result: FetchResult): void {
    this.#progress.stop();
    const bytes = new Map(result.peers.map((peer) => [peer.address, peer.bytes]));
    const table = this.#table?.(result.why, (address) => bytes.get(address) ?? 0);
    this.#progress.result(resultText(result) + (table === undefined ? '' : `\n${table}`));
  }
}

/** What a person should know of an event; `undefined` where nothing. */
function noteOf(event: Exclude<FetchEvent, { event: 'phase' | 'progress' }>): string | undefined {
  switch (event.event) {
    case 'content': {
      const files = event.type === 'folder' ? `, ${event.files} file${event.files === 1 ? '' : 's'}` : '';
      return `${printable(event.name)}: ${formatBytes(event.size)}${files}`;
    }
    case 'resumed': {
      const damaged =
        event.damaged > 0 ? `; ${event.damaged} damaged chunk${event.damaged === 1 ? ' is' : 's are'} fetched again` : '';
      return `resuming: ${formatBytes(event.bytes)} are here already${damaged}`;
    }
    case 'tracker-failed':
      return `tracker ${event.tracker}: ${printable(event.reason)}`;
    case 'peer-failed':
      // An address that is told already is not told twice.
      return `peer ${event.address}: ${printable(event.reason.replace(`at ${event.address}`, 'there'))}`;
    case 'peer-banned':
      return `peer ${event.address} is banned: ${printable(event.reason)}`;
    case 'unverified':
      return `UNVERIFIED: ${event.reason}`;
    case 'sync-failed':
      return `the disk failed to keep ${event.chunks} chunks; they are fetched again`;
    case 'disk-full':
      return `the disk of ${printable(event.folder)} is full: waiting for room; Ctrl-C ends it, and what is verified is kept in any case`;
    case 'disk-room':
      return 'there is room again: going on';
    case 'peer-connected':
      return undefined;
  }
}

function resultText(result: FetchResult): string {
  const what = result.type === 'folder' ? `${result.path} (${result.files} files)` : result.path;
  const trust = result.verified ? 'verified' : 'UNVERIFIED: nobody gave a root to check it against';
  if (result.isAlreadyThere) return `${printable(what)}\nalready there, ${formatBytes(result.size)}, ${trust}\n`;
  const rate = formatRate((result.fetchedBytes * 1000) / Math.max(1, result.durationMs));
  const resumed = result.resumedBytes > 0 ? `, ${formatBytes(result.resumedBytes)} were here before` : '';
  const lines = [
    printable(what),
    `fetched ${formatBytes(result.fetchedBytes)} in ${formatDuration(result.durationMs)} (${rate})${resumed}, ${trust}`,
    ...result.peers.map((peer) => {
      const percent = Math.round((peer.bytes * 100) / Math.max(1, result.fetchedBytes));
      return `  ${peer.address}  ${formatBytes(peer.bytes)}  ${peer.chunks} chunk${peer.chunks === 1 ? '' : 's'}  ${percent}%`;
    }),
    result.why.text,
  ];
  return `${lines.join('\n')}\n`;
}

/** For a program: every event as one line of JSON on standard output, `done` last. */
export class JsonDisplay implements FetchDisplay {
  event(event: FetchEvent): void {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  }

  result({ isAlreadyThere, ...result }: FetchResult): void {
    process.stdout.write(`${JSON.stringify({ event: 'done', alreadyThere: isAlreadyThere, ...result })}\n`);
  }
}
