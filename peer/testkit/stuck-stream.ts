/** A stream whose other side takes something only when the test says so. */
import type { ServedStream } from '../../common/ports/net.js';

export class StuckStream implements ServedStream {
  readonly remote;
  readonly local = { ip: '192.0.2.1', port: 1 };
  readonly sent: (Uint8Array | string)[][] = [];
  readonly flushes: (() => void)[] = [];
  takenBytes = 0;
  queuedBytes = 0;
  isHeld = false;
  isPaused = false;
  isEnded = false;
  isDestroyed = false;

  constructor(ip = '192.0.2.7') {
    this.remote = { ip, port: 2 };
  }

  write(): boolean {
    throw new Error('a session sends');
  }
  send(flushed: () => void, ...parts: (Uint8Array | string)[]): void {
    this.sent.push(parts);
    this.flushes.push(flushed);
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isDestroyed = true;
  }
}
