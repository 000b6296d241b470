/** One end of a byte stream that remembers all that happens to it, and lets a test wait for it. */
import type { ByteStream, StreamHandlers } from '../ports/net.js';

export class RecordingEnd implements StreamHandlers {
  readonly stream: ByteStream;
  /** What happened, in order; runs of `data` are one entry. */
  readonly log: string[] = [];
  readonly pieces: Buffer[] = [];
  receivedBytes = 0;
  closeCount = 0;
  closeError: Error | undefined;
  /** Replaces what is done with each piece, beyond remembering it. */
  onData: (bytes: Uint8Array) => unknown = () => undefined;
  readonly #waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  constructor(stream: ByteStream) {
    this.stream = stream;
  }

  /** Everything received. */
  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** Resolves once `isMet` holds, which is looked at after each event. */
  until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isMet, resolve }));
  }

  data(bytes: Uint8Array): void {
    this.pieces.push(Buffer.from(bytes));
    this.receivedBytes += bytes.length;
    this.onData(bytes);
    if (this.log.at(-1) !== 'data') this.log.push('data');
    this.#look();
  }

  drained(): void {
    this.log.push('drained');
    this.#look();
  }

  ended(): void {
    this.log.push('ended');
    this.#look();
  }

  closed(error: Error | undefined): void {
    this.log.push('closed');
    this.closeCount += 1;
    this.closeError = error;
    this.#look();
  }

  #look(): void {
    for (const one of this.#waiting.splice(0)) {
      if (one.isMet()) one.resolve();
      else this.#waiting.push(one);
    }
  }
}
