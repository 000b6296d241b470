/** One session with its parts and no socket: the test sends bytes, gives turns, moves time and reads what was written. */
import { TcpSession } from '../frontend/tcp-session.js';
import { TrackerLogic } from '../logic.js';
import { Registry } from '../registry/registry.js';
import { listLog, ManualClock, ManualStream, seededRandom } from './manual-ports.js';

export class SessionBench {
  readonly clock = new ManualClock();
  readonly stream = new ManualStream();
  readonly registry = new Registry(
    { random: seededRandom(1) },
    { ttlMs: 60_000, entriesMaxCount: 1e6, sourceEntriesMaxCount: 1e6 },
  );
  readonly session: TcpSession;
  due: TcpSession[] = [];
  isWaiting = false;
  turnCount = 0;

  constructor() {
    const logic = new TrackerLogic(
      { registry: this.registry, log: listLog().log, surroundings: () => ({ connections: 1, udp: 0, uptime: 0, version: '0' }) },
      { intervalMs: 30_000, ttlMs: 60_000, allowForeign: false },
    );
    const owner = {
      wantsTurn: (session: TcpSession) => void this.due.push(session),
      waitsForClient: (_session: TcpSession, isWaiting: boolean) => {
        this.isWaiting = isWaiting;
      },
      gone: () => undefined,
    };
    this.session = new TcpSession(this.stream, { logic, clock: this.clock, owner });
  }

  send(bytes: string | Uint8Array): void {
    this.session.data(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
  }

  /** Turns until none is due. */
  settle(): void {
    for (let session = this.due.shift(); session !== undefined; session = this.due.shift()) {
      this.turnCount += 1;
      session.turn();
    }
  }

  sweepAfter(ms: number): void {
    this.clock.advance(ms);
    this.session.sweep(this.clock.nowMs());
  }
}
