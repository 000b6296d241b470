/** How a push is shown: a line for each receiver and a table at the end for a person, one event a line for a program. */
import { formatPeerAddress, type PeerAddress } from '../../common/core/peer-address.js';
import { formatBytes } from '../../common/core/units.js';
import type { PushState } from '../../common/wire/peer-documents.js';
import { printable } from '../../common/wire/tokens.js';
import type { PushContent, PushEventsForAll } from '../push/node-push.js';
import type { ReceiverEnd } from '../push/push-all.js';
import type { ProgressLines } from './progress.js';

export interface PushDisplay extends PushEventsForAll {
  /** What each receiver has in the end. */
  result(ends: readonly ReceiverEnd[]): void;
  /** Takes away what is drawn. Idempotent. */
  close(): void;
}

/** For a person: lines on standard error, the table on standard output. */
export class PersonPushDisplay implements PushDisplay {
  readonly #lines: ProgressLines;
  readonly #content: PushContent;
  readonly #print: (text: string) => void;

  constructor(content: PushContent, lines: ProgressLines, print: (text: string) => void) {
    this.#content = content;
    this.#lines = lines;
    this.#print = print;
  }

  chosen(receivers: readonly PeerAddress[]): void {
    const { name, totalBytes } = this.#content;
    this.#lines.note(`${printable(name)}: ${formatBytes(totalBytes)}, to ${receivers.length} ${peersWord(receivers.length)}`);
  }

  state(address: PeerAddress, state: PushState): void {
    const { haveChunks, chunkCount } = state;
    const fraction = state.state === 'done' ? 1 : chunkCount === 0 ? 0 : haveChunks / chunkCount;
    this.#lines.set(formatPeerAddress(address), fraction, `${Math.floor(fraction * 100)}% ${state.state}`);
  }

  ended({ address, error, isReplaced }: ReceiverEnd): void {
    if (error === undefined) this.#lines.set(formatPeerAddress(address), 1, '100% done');
    else this.#lines.note(`${printable(error.message)}${isReplaced ? ' Another peer is asked in its place.' : ''}`);
  }

  close(): void {
    this.#lines.stop();
  }

  result(ends: readonly ReceiverEnd[]): void {
    this.close();
    const counted = ends.filter(({ isReplaced }) => !isReplaced);
    const names = counted.map(({ address }) => formatPeerAddress(address));
    const width = Math.max(...names.map((name) => name.length));
    const rows = counted.map(({ error }, index) => {
      const what = error === undefined ? 'verified' : `failed    ${error.code}: ${printable(error.message)}`;
      return `  ${(names[index] ?? '').padEnd(width)}  ${what}`;
    });
    const doneCount = counted.filter(({ error }) => error === undefined).length;
    const { name } = this.#content;
    this.#print(`${printable(name)} is on ${doneCount} of ${counted.length} ${peersWord(counted.length)}\n${rows.join('\n')}\n`);
  }
}

function peersWord(count: number): string {
  return count === 1 ? 'peer' : 'peers';
}

/** For a program: every change of a receiver as one line of JSON on standard output. */
export class JsonPushDisplay implements PushDisplay {
  readonly #content: PushContent;
  readonly #print: (text: string) => void;
  /** What was told of each, so that nothing is told twice. */
  readonly #told = new Map<string, string>();

  constructor(content: PushContent, print: (text: string) => void) {
    this.#content = content;
    this.#print = print;
  }

  chosen(receivers: readonly PeerAddress[]): void {
    const { name, root, totalBytes } = this.#content;
    this.#event({ event: 'pushing', name, root, size: totalBytes, receivers: receivers.map(formatPeerAddress) });
  }

  state(address: PeerAddress, { state, haveChunks, chunkCount }: PushState): void {
    // The end is told with its reason.
    if (state === 'failed' || state === 'done') return;
    const at = formatPeerAddress(address);
    const text = `${state} ${haveChunks}`;
    if (this.#told.get(at) === text) return;
    this.#told.set(at, text);
    this.#event({ event: 'receiver', address: at, state, haveChunks, chunks: chunkCount });
  }

  ended({ address, error, isReplaced }: ReceiverEnd): void {
    const at = formatPeerAddress(address);
    if (error === undefined) this.#event({ event: 'receiver', address: at, state: 'done' });
    else {
      const { code, message } = error;
      this.#event({ event: 'receiver', address: at, state: 'failed', code, message, replaced: isReplaced });
    }
  }

  result(ends: readonly ReceiverEnd[]): void {
    const counted = ends.filter(({ isReplaced }) => !isReplaced);
    if (counted.some(({ error }) => error !== undefined)) return;
    const { name, root, totalBytes } = this.#content;
    const receivers = counted.map(({ address }) => formatPeerAddress(address));
    this.#event({ event: 'done', name, root, size: totalBytes, receivers });
  }

  close(): void {}

  #event(event: Readonly<Record<string, unknown>>): void {
    this.#print(`${JSON.stringify(event)}\n`);
  }
}
